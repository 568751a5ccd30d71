// Activations that need functions of libm.
#include <math.h>

#include "scn_kernels.h"

// Klambauer et al., "Self-Normalizing Neural Networks", 2017.
static const float selu_scale = 1.0507009873554805f;
static const float selu_alpha = 1.6732632423543772f;

void scn_smooth_activation_forward(scn_smooth_activation kind, const float *input, int64_t count, float *output) {
    switch (kind) {
        case SCN_ELU:
            for (int64_t i = 0; i < count; i++) output[i] = input[i] > 0 ? input[i] : expm1f(input[i]);
            break;
        case SCN_SELU:
            for (int64_t i = 0; i < count; i++)
                output[i] = selu_scale * (input[i] > 0 ? input[i] : selu_alpha * expm1f(input[i]));
            break;
        case SCN_TANH:
            for (int64_t i = 0; i < count; i++) output[i] = tanhf(input[i]);
            break;
        case SCN_SIGMOID:
            for (int64_t i = 0; i < count; i++) output[i] = 1 / (1 + expf(-input[i]));
            break;
    }
}

void scn_smooth_activation_backward(scn_smooth_activation kind, const float *output, const float *output_gradient,
                                    int64_t count, float *input_gradient) {
    switch (kind) {
        case SCN_ELU:
            for (int64_t i = 0; i < count; i++)
                input_gradient[i] = output_gradient[i] * (output[i] > 0 ? 1 : output[i] + 1);
            break;
        case SCN_SELU:
            for (int64_t i = 0; i < count; i++)
                input_gradient[i] =
                    output_gradient[i] * (output[i] > 0 ? selu_scale : output[i] + selu_scale * selu_alpha);
            break;
        case SCN_TANH:
            for (int64_t i = 0; i < count; i++) input_gradient[i] = output_gradient[i] * (1 - output[i] * output[i]);
            break;
        case SCN_SIGMOID:
            for (int64_t i = 0; i < count; i++)
                input_gradient[i] = output_gradient[i] * (output[i] * (1 - output[i]));
            break;
    }
}
