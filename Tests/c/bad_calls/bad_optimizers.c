/* Optimizers, learning rate schedules and functions of gradients refuse rates, steps, sizes and parameters that make no
 * sense. */
#include "bad_call.h"

static void bad_optimizers(void) {
    scn_sgd_options rate = SCN_SGD_OPTIONS_INIT, momentum = rate, nesterov = rate, decay = rate, sized = rate;
    scn_adam_options beta = SCN_ADAM_OPTIONS_INIT, epsilon = beta;
    scn_tensor *const twice[] = {dense, dense};
    rate.learning_rate = NAN, momentum.momentum = -1, nesterov.nesterov = 1, decay.weight_decay = INFINITY,
    sized.struct_size = 0;
    beta.beta1 = 1, epsilon.epsilon = -1;
    BAD(INVALID_ARGUMENT, "learning_rate", scn_sgd_create(&dense, 1, &rate, &out_optimizer));
    BAD(INVALID_ARGUMENT, "momentum", scn_sgd_create(&dense, 1, &momentum, &out_optimizer));
    BAD(INVALID_ARGUMENT, "nesterov", scn_sgd_create(&dense, 1, &nesterov, &out_optimizer));
    BAD(INVALID_ARGUMENT, "weight_decay", scn_sgd_create(&dense, 1, &decay, &out_optimizer));
    BAD(INVALID_ARGUMENT, "struct_size", scn_sgd_create(&dense, 1, &sized, &out_optimizer));
    BAD(INVALID_ARGUMENT, "parameters", scn_sgd_create(NULL, 1, NULL, &out_optimizer));
    BAD(INVALID_ARGUMENT, "count", scn_sgd_create(&dense, -1, NULL, &out_optimizer));
    BAD(INVALID_ARGUMENT, "parameters", scn_sgd_create(twice, 2, NULL, &out_optimizer));
    BAD(SHAPE, "parameters", scn_sgd_create(&sparse, 1, NULL, &out_optimizer));
    BAD(INVALID_ARGUMENT, "beta1", scn_adam_create(&dense, 1, &beta, &out_optimizer));
    BAD(INVALID_ARGUMENT, "epsilon", scn_adam_create(&dense, 1, &epsilon, &out_optimizer));
    epsilon.epsilon = 1e-60, momentum.momentum = 0, momentum.dampening = 1e39, decay.weight_decay = 1e39;
    BAD(INVALID_ARGUMENT, "epsilon", scn_adam_create(&dense, 1, &epsilon, &out_optimizer));
    BAD(INVALID_ARGUMENT, "dampening", scn_sgd_create(&dense, 1, &momentum, &out_optimizer));
    BAD(INVALID_ARGUMENT, "weight_decay", scn_sgd_create(&dense, 1, &decay, &out_optimizer));
    BAD(INVALID_ARGUMENT, "rate", scn_optimizer_set_learning_rate(optimizer, 1e39));
    BAD(INVALID_ARGUMENT, "parameters", scn_sgd_create(NULL, 0, NULL, &out_optimizer));
    BAD(INVALID_ARGUMENT, "parameters", scn_adam_create(NULL, 0, NULL, &out_optimizer));
    BAD(INVALID_ARGUMENT, "rate", scn_optimizer_set_learning_rate(optimizer, NAN));
    BAD(INVALID_ARGUMENT, "rate", scn_optimizer_set_learning_rate(optimizer, -1));
    BAD(INVALID_ARGUMENT, "initial_rate", scn_exponential_rate(-1, 0, 0, &out_rate));
    BAD(INVALID_ARGUMENT, "decay", scn_exponential_rate(1, NAN, 0, &out_rate));
    BAD(INVALID_ARGUMENT, "step", scn_exponential_rate(1, 0, -1, &out_rate));
    BAD(INVALID_ARGUMENT, "rate", scn_exponential_rate(1, -1, INT64_MAX, &out_rate));
    BAD(INVALID_ARGUMENT, "rate", scn_exponential_rate(1, 0, 0, NULL));
    BAD(INVALID_ARGUMENT, "factor", scn_step_rate(1, INFINITY, 1, 0, &out_rate));
    BAD(INVALID_ARGUMENT, "step_size", scn_step_rate(1, 0.5, 0, 0, &out_rate));
    BAD(INVALID_ARGUMENT, "final_rate", scn_cosine_rate(1, NAN, 1, 0, 0, &out_rate));
    BAD(INVALID_ARGUMENT, "steps", scn_cosine_rate(1, 0, INT64_MIN, 0, 0, &out_rate));
    BAD(INVALID_ARGUMENT, "warm_up", scn_cosine_rate(1, 0, 3, 3, 0, &out_rate));
    BAD(INVALID_ARGUMENT, "max_norm", scn_clip_gradient_norm(&dense, 1, NAN, &out_rate));
    BAD(INVALID_ARGUMENT, "max_norm", scn_clip_gradient_norm(&dense, 1, -1, &out_rate));
    scn_tensor *result = NULL;
    OK(scn_tensor_scale(dense, 2, &result));
    BAD(INVALID_ARGUMENT, "parameters", scn_gradients_count(NULL, 1, &out_count));
    BAD(INVALID_ARGUMENT, "count", scn_gradients_count(&dense, -1, &out_count));
    BAD(INVALID_ARGUMENT, "elements", scn_gradients_count(&dense, 1, NULL));
    BAD(INVALID_ARGUMENT, "operation", scn_gradients_count(&result, 1, &out_count));
    BAD(SHAPE, "parameters[0]", scn_gradients_count(&sparse, 1, &out_count));
    BAD(INVALID_ARGUMENT, "gradients", scn_gradients_get(&dense, 1, NULL, 6));
    BAD(INVALID_ARGUMENT, "elements", scn_gradients_get(&dense, 1, numbers, -6));
    BAD(SHAPE, "gradients", scn_gradients_get(&dense, 1, numbers, 5));
    BAD(OVERFLOW, "gradients", scn_gradients_get(&dense, 1, numbers, HUGE_SIZE));
    BAD(INVALID_ARGUMENT, "aligned", scn_gradients_get(&dense, 1, (float *)((char *)numbers + 1), 6));
    BAD(INVALID_ARGUMENT, "gradients", scn_gradients_set(&dense, 1, NULL, 6));
    BAD(SHAPE, "gradients", scn_gradients_set(&dense, 1, numbers, 7));
    BAD(INVALID_ARGUMENT, "operation", scn_gradients_set(&result, 1, numbers, 6));
    OK(scn_tensor_release(result));
}

int main(void) {
    set_up();
    bad_optimizers();
    tear_down();
    return finish();
}
