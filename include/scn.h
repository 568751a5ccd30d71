/* scn: submanifold sparse convolutional networks on a CPU.
 *
 * A complete program: two points in a 10 x 10 field, one convolution, a dense picture out.
 *
 *     #include <scn.h>
 *     #include <stdio.h>
 *     int main(void) {
 *         const int64_t size[] = {10, 10}, filter[] = {3, 3}, where[] = {4, 5, 0,  4, 6, 0};  // y, x, sample
 *         const int64_t shape[] = {2, 1};
 *         const float values[] = {1, 2};
 *         scn_module *layers[3], *net;
 *         scn_tensor *features, *points, *dense;
 *         scn_input_layer_create(2, size, SCN_INPUT_SUM, &layers[0]);
 *         scn_submanifold_convolution_create(2, 1, 8, filter, NULL, &layers[1]);
 *         scn_sparse_to_dense_create(2, 8, &layers[2]);
 *         scn_sequential_create(layers, 3, &net);
 *         scn_tensor_create(shape, 2, values, &features);
 *         scn_points_create(where, 2, 3, features, 0, &points);
 *         if (scn_module_forward(net, points, &dense) != SCN_OK) return puts(scn_last_error()), 1;
 *         int64_t shape_out[4];
 *         scn_tensor_shape(dense, shape_out, 4);  // 1, 8, 10, 10: sample, plane, y, x
 *     }
 *
 * CONVENTIONS
 *
 * Sites.    A site is a batch index and d coordinates, d = 1 ... 10. Coordinates are int64, [rows, d] or [rows, d + 1]
 *           with the batch index last. Feature matrices are float32, [sites, planes], row-major, without gaps. Rows of
 *           sparse tensors are sorted by batch index, then by coordinates, the last axis fastest.
 * Filters.  Offsets of a filter are row-major, the last axis fastest; `volume` is their number. Convolution weights are
 *           [volume, groups, in_planes / groups, out_planes / groups].
 * Status.   Functions that can fail return scn_status: SCN_OK (0) or an error, and then leave everything as it was, set
 *           their out-parameters to NULL or 0, and say what was wrong in scn_last_error(). Whatever is passed, a
 *           function returns; it never ends the process. Every such function may return SCN_ERROR_INVALID_ARGUMENT (a
 *           NULL where none is allowed, a value out of its range), SCN_ERROR_HANDLE (a NULL or released handle, or one
 *           of another kind) and SCN_ERROR_MEMORY; the others it returns are listed with it.
 * Handles.  scn_tensor, scn_module, scn_optimizer, scn_geometry and scn_rulebook are opaque. Each handle that a
 *           function returns belongs to the caller, who gives it back with scn_..._release; releasing NULL does
 *           nothing. scn_..._retain counts one more owner. What a handle needs, it keeps alive itself.
 * Words.    Parameters are `borrowed` (read during the call only; the rule where nothing is said), `copied`, `retained`
 *           (the callee counts itself as an owner; the caller keeps its own handle), or stay `on loan` until a release
 *           callback. Out-parameters come last.
 * Pointers. Data pointers got from a handle are valid while that handle lives and are the library's memory itself:
 *           writing through them changes the value.
 * Options.  Option structs, and scn_matrix, begin with struct_size and only ever grow at their end; start from their
 *           _INIT macro. A NULL option struct means the defaults; one that is longer than this library's is an error.
 * Threads.  Different handles may be used from different threads at once; one handle is the caller's to guard. Results
 *           do not depend on the number of threads. After fork() the child goes on working. A thread that calls the
 *           library needs 512 KB of stack.
 * Process.  The library's threads block the process's signals. The rounding and the flushing of denormal numbers that
 *           the calling thread has set hold for a call on all threads. Floating-point exceptions do not trap within a
 *           call, and the flags are afterwards as before.
 * BLAS.     Dense products are OpenBLAS's, or, where it does not know this cpu or the process has no 128 MB of
 *           addresses for its buffer, the library's own. OpenBLAS's thread count, which is one setting for the whole
 *           process, is set to 1 when this library loads: the library's own threads call it.
 */
/** @file
 *  The C interface of scn; the comment at its beginning has a whole program and the conventions. */
/* Long because: it is the whole contract in one place, in the order in which a newcomer needs it. */
#ifndef SCN_H
#define SCN_H

#include <stddef.h>
#include <stdint.h>

/** Marks the functions that the library exports. */
#if defined(__GNUC__)
#define SCN_API __attribute__((visibility("default")))
#else
#define SCN_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* =============================================================================================== The library itself */

/** The version of this header: what docs/stability.md promises goes by it. */
#define SCN_VERSION_MAJOR 0
/** See SCN_VERSION_MAJOR. */
#define SCN_VERSION_MINOR 2
/** See SCN_VERSION_MAJOR. */
#define SCN_VERSION_PATCH 0
/** Grows with every change that breaks programs compiled before; the number in the soname, libscn.so.1. */
#define SCN_ABI_VERSION 1
/** The most coordinates that a site can have, the batch index not counted. */
#define SCN_MAX_DIMENSION 10

/** What became of a call. */
typedef enum scn_status {
    SCN_OK = 0,
    SCN_ERROR_INVALID_ARGUMENT = 1,
    SCN_ERROR_SHAPE = 2,       /**< A tensor, matrix or spatial size of another shape than is needed. */
    SCN_ERROR_COORDINATE = 3,  /**< A site outside of its field, or a duplicate. */
    SCN_ERROR_HANDLE = 4,      /**< A handle that is NULL, released, or of another kind. */
    SCN_ERROR_MEMORY = 5,
    SCN_ERROR_OVERFLOW = 6,    /**< A size that no integer here can hold. */
    SCN_ERROR_FILE = 7,        /**< The file system refused. */
    SCN_ERROR_FORMAT = 8,      /**< A file or text whose content is not what it should be. */
    SCN_ERROR_STATE = 9,       /**< Valid at another time: a second backward pass, say. */
    SCN_ERROR_UNSUPPORTED = 10,
    SCN_ERROR_INTERNAL = 11    /**< A defect of this library. */
} scn_status;

/** A value that flows through a network: numbers, and perhaps the sites or points that they are at. */
typedef struct scn_tensor scn_tensor;
/** A layer, or a network of them, with its parameters. */
typedef struct scn_module scn_module;
/** What moves parameters along their gradients, and its state. */
typedef struct scn_optimizer scn_optimizer;
/** Where the sites of one input are, at every spatial size that a network brought them to. */
typedef struct scn_geometry scn_geometry;
/** Which input rows meet which output rows, under each filter offset. */
typedef struct scn_rulebook scn_rulebook;

/** Return the library's version, "0.2.0"; a constant, never NULL. */
SCN_API const char *scn_version(void);
/** Return the library's SCN_ABI_VERSION, to compare with the header's. */
SCN_API int32_t scn_abi_version(void);
/** Return the name of a status, "SCN_ERROR_SHAPE"; "unknown status" for any other number; never NULL. */
SCN_API const char *scn_status_name(scn_status status);
/** Return this thread's last error message; never NULL, "" before the first. Valid until this thread's next error. */
SCN_API const char *scn_last_error(void);
/** Return the cpu, the instruction set in use and what multiplies bfloat16, "Intel(R) Xeon(R) Processor, avx512;
 *  bfloat16 by amx", at the end "bfloat16 as float32" where no instruction does; a constant. The environment variable
 *  SCN_ISA ("generic", "avx2", "avx512"), read once, forces an instruction set; where it names none that this cpu has,
 *  operations return SCN_ERROR_UNSUPPORTED and this text says so. "avx512bf16" and "amx" force how bfloat16 is
 *  multiplied, beside float32 by avx512; without SCN_ISA that is AMX where cpu and system have it, else AVX512-BF16
 *  unless the cpu is Intel's, whose float32 is faster. Where the cpu has AMX, this asks the system for its registers,
 *  as the first product of bfloat16 does. */
SCN_API const char *scn_cpu_description(void);
/** Return how many threads operations use, the calling one included. At first that is what the environment variable
 *  SCN_NUM_THREADS says, 1 ... 1024; where it is unset or empty, as many as the process may use at once (the cpus that
 *  the calling thread may run on, or the quota of its control groups, rounded up, where that is less), or
 *  OMP_NUM_THREADS where that is fewer. Read once. Where SCN_NUM_THREADS is anything else, 1, and operations return
 *  SCN_ERROR_UNSUPPORTED and name it until a number is set. */
SCN_API int32_t scn_get_thread_count(void);
/** Set how many threads operations use, 1 ... 1024. */
SCN_API scn_status scn_set_thread_count(int32_t count);
/** Return how many handles of all kinds are not yet released. */
SCN_API int64_t scn_live_handles(void);
/** Return how many bytes of numbers the library holds now. */
SCN_API int64_t scn_memory_in_use(void);
/** Store what forward passes of the whole process did since it began, or since the last scn_set_forward_counts:
 *  multiply-adds of convolutions and dense products, elements of the results of these (SparseConvNet's hidden states),
 *  and rules that convolutions and poolings walked over. Backward passes count nothing. NULL where not wanted. */
SCN_API void scn_get_forward_counts(int64_t *multiply_adds, int64_t *hidden_states, int64_t *rules);
/** Set these counts, each >= 0; to zeros before a pass that is to be measured. */
SCN_API scn_status scn_set_forward_counts(int64_t multiply_adds, int64_t hidden_states, int64_t rules);
/** Seed the generator that initializes weights, drives dropout and displaces windows; it starts as if seeded with 0. */
SCN_API scn_status scn_manual_seed(uint64_t seed);
/** Store the generator's state, 4 words; while a call on another thread draws, that before this call. */
SCN_API scn_status scn_get_random_state(uint64_t state[4]);
/** Set the generator's state to 4 words that scn_get_random_state stored; not all zero. */
SCN_API scn_status scn_set_random_state(const uint64_t state[4]);
/** Begin a scope: until it ends, the calls of this thread are one, which scn_scope_end keeps or puts back. Scopes nest,
 *  at most 10,000 deep. seed: what the thread draws from meanwhile is a stream of its own, which begins with it, and
 *  the generator stays as it is; NULL: the generator, as ever. Also SCN_ERROR_STATE. */
SCN_API scn_status scn_scope_begin(const uint64_t *seed);
/** End the scope that this thread began last. keep: 1, or 0 to put back what its forward passes (and
 *  scn_module_reweight) changed: running statistics and other buffers, the generator, forward counts, and what was
 *  added to geometries that were there before. Handles, gradients and what else an optimizer or the host wrote stay.
 *  SCN_ERROR_STATE where no scope is open. What would be put back is kept in memory until then: a scope is for some
 *  calls, not for a whole training. */
SCN_API scn_status scn_scope_end(int32_t keep);

/* ================================================================================================== Tensors and points
 *
 * An scn_tensor is a value that flows through a network, of one of four kinds. */

/** The kinds of scn_tensor. */
typedef enum scn_value_kind {
    SCN_TENSOR_DENSE = 0,   /**< An array of rank 0 ... 16, float32, row-major. */
    SCN_TENSOR_SPARSE = 1,  /**< Features [sites, planes] on the sites of a geometry. */
    SCN_TENSOR_POINTS = 2,  /**< Coordinates and features that an input layer turns into a sparse tensor. */
    SCN_TENSOR_TABLE = 3    /**< A list of tensors: what a ConcatTable makes and a JoinTable takes. */
} scn_value_kind;

/** What the elements of a tensor, of a matrix or of points in space are. */
typedef enum scn_element_type {
    SCN_FLOAT32 = 0,
    SCN_FLOAT64 = 1, /**< Of points in space alone, see scn_voxelize. */
    SCN_BFLOAT16 = 2 /**< Inside of networks, see scn_set_autocast and scn_module_optimize_for_inference_in, and of
                      *   matrices of some functions, see scn_convolution_forward. */
} scn_element_type;

/** Called when a buffer on loan is no longer needed, perhaps from another thread; it must not call the library. */
typedef void (*scn_release_callback)(void *context);

/** Create a dense tensor of the given shape.
 *  shape: [rank], rank 0 ... 16, each >= 0. data: [product of shape], copied; NULL for zeros.
 *  Also SCN_ERROR_OVERFLOW, SCN_ERROR_SHAPE (a negative size). */
SCN_API scn_status scn_tensor_create(const int64_t *shape, int32_t rank, const float *data, scn_tensor **tensor);
/** Create a dense tensor over the caller's buffer, without a copy.
 *  data: [product of shape], aligned to 4 bytes, on loan until release(context) is called; release may be NULL where
 *  data outlives every use. Operations only read it; optimizers and scn_tensor_copy_from write it. */
SCN_API scn_status scn_tensor_borrow(const int64_t *shape, int32_t rank, float *data, scn_release_callback release,
                                     void *context, scn_tensor **tensor);
/** Create points for an input layer.
 *  coordinates: [rows, columns], copied; columns d, or d + 1 with the batch index last. features: dense [rows, planes],
 *  retained; gradients flow into it. batch_size: a lower bound, for trailing samples without points; 0 where unknown.
 *  Coordinates are checked by the input layer, which knows the spatial size. Also SCN_ERROR_SHAPE. */
SCN_API scn_status scn_points_create(const int64_t *coordinates, int64_t rows, int32_t columns, scn_tensor *features,
                                     int64_t batch_size, scn_tensor **points);
/** Create points for a BL input layer: samples of one length, filled up with padding.
 *  coordinates: [batch_size, length, dimension], copied; a row whose first coordinate is negative is padding. features:
 *  dense [batch_size, length, planes], retained; gradients flow into it. Also SCN_ERROR_SHAPE. */
SCN_API scn_status scn_points_create_batched(const int64_t *coordinates, int64_t batch_size, int64_t length,
                                             int32_t dimension, scn_tensor *features, scn_tensor **points);
/** Create a table. tensors: [count], retained; none a table itself (SCN_ERROR_SHAPE). */
SCN_API scn_status scn_table_create(scn_tensor *const *tensors, int64_t count, scn_tensor **table);
/** Store the number of tensors in a table. */
SCN_API scn_status scn_table_count(scn_tensor *table, int64_t *count);
/** Return tensor `index` of a table. */
SCN_API scn_status scn_table_tensor(scn_tensor *table, int64_t index, scn_tensor **tensor);
/** Count one more owner of the handle. */
SCN_API scn_status scn_tensor_retain(scn_tensor *tensor);
/** Release a handle; NULL does nothing. */
SCN_API scn_status scn_tensor_release(scn_tensor *tensor);

/** Store which of the four kinds a tensor is of. */
SCN_API scn_status scn_tensor_kind(scn_tensor *tensor, scn_value_kind *kind);
/** Store the type of a tensor's elements (of the features, where sparse or points); SCN_FLOAT32 in this version. */
SCN_API scn_status scn_tensor_type(scn_tensor *tensor, scn_element_type *type);
/** Store the rank: of a dense tensor its own, of sparse tensors and points that of their features, 2 (batched points:
 *  3). */
SCN_API scn_status scn_tensor_rank(scn_tensor *tensor, int32_t *rank);
/** Store the shape in shape[rank]; capacity: elements that fit there. Also SCN_ERROR_SHAPE where they do not fit. */
SCN_API scn_status scn_tensor_shape(scn_tensor *tensor, int64_t *shape, int32_t capacity);
/** Store the address of the values (of the features, where sparse or points), [product of shape]. */
SCN_API scn_status scn_tensor_data(scn_tensor *tensor, float **data);
/** Overwrite the values. data: [count]; count must be the product of the shape, else SCN_ERROR_SHAPE. */
SCN_API scn_status scn_tensor_copy_from(scn_tensor *tensor, const float *data, int64_t count);

/* Sparse tensors. */

/** Return the features of a sparse tensor or of points as a dense tensor [rows, planes] that shares values and
 *  gradient. */
SCN_API scn_status scn_tensor_features(scn_tensor *tensor, scn_tensor **features);
/** Return a sparse tensor on the same sites with other features. features: dense [sites, planes], retained.
 *  Also SCN_ERROR_SHAPE. */
SCN_API scn_status scn_tensor_with_features(scn_tensor *sparse, scn_tensor *features, scn_tensor **result);
/** Return the geometry of a sparse tensor and store which of its site sets the rows are. */
SCN_API scn_status scn_tensor_geometry(scn_tensor *sparse, scn_geometry **geometry, int32_t *sites);
/** Create a sparse tensor on the given site set of a geometry. features: dense [sites, planes], retained.
 *  Also SCN_ERROR_SHAPE. */
SCN_API scn_status scn_sparse_create(scn_geometry *geometry, int32_t sites, scn_tensor *features, scn_tensor **sparse);
/** Return what a sparsify that made this sparse tensor gave each of its input sites, after the activation: dense [input
 *  sites], through which gradients flow; NULL (and SCN_OK) where no sparsify made it. */
SCN_API scn_status scn_tensor_mask(scn_tensor *sparse, scn_tensor **mask);

/* Gradients. Operations on tensors that require a gradient are recorded; a backward pass replays them in reverse. */

/** Store whether gradients are wanted for this tensor, 1 or 0. */
SCN_API scn_status scn_tensor_get_requires_gradient(scn_tensor *tensor, int32_t *requires_gradient);
/** Say whether gradients are wanted for this tensor. SCN_ERROR_STATE for the result of a recorded operation. */
SCN_API scn_status scn_tensor_set_requires_gradient(scn_tensor *tensor, int32_t requires_gradient);
/** Return a tensor with the same values (shared) that is not the result of any operation. */
SCN_API scn_status scn_tensor_detach(scn_tensor *tensor, scn_tensor **detached);
/** Run the backward pass from this tensor; gradients add up in the tensors that require one and are no operation's
 *  result. gradient: [product of shape], borrowed; NULL for a tensor of one element, meaning 1. The record is used up:
 *  a second pass is SCN_ERROR_STATE. A pass that failed, for want of memory, can be made again with the same gradient:
 *  it goes on where it stopped. Also SCN_ERROR_SHAPE, where count is not the product of the shape. */
SCN_API scn_status scn_tensor_backward(scn_tensor *tensor, const float *gradient, int64_t count);
/** Return the gradient that has added up, as a dense tensor that shares it; NULL (and SCN_OK) where there is none. */
SCN_API scn_status scn_tensor_gradient(scn_tensor *tensor, scn_tensor **gradient);
/** Forget the gradient. */
SCN_API scn_status scn_tensor_zero_gradient(scn_tensor *tensor);
/** Return whether the calling thread records operations; 1 at first. */
SCN_API int32_t scn_get_gradient_recording(void);
/** Switch the recording of operations on or off for the calling thread. */
SCN_API scn_status scn_set_gradient_recording(int32_t on);
/** Return what the modules that the calling thread calls compute in: SCN_FLOAT32 at first. */
SCN_API scn_element_type scn_get_autocast(void);
/** Say what the modules that the calling thread calls compute in, in training and evaluation. SCN_BFLOAT16: features
 *  and their gradients are bfloat16 from layer to layer, and convolutions and 1 x 1 convolutions multiply it as in
 *  scn_module_optimize_for_inference_in; parameters, their gradients, statistics and sums are float32, and so are
 *  linear layers, losses, and what a host reads of a tensor: it becomes float32 then. Layers without loops for bfloat16
 *  get their features widened. A backward pass computes in what its forward pass did. Networks optimized for inference
 *  have a precision of their own. Tables and what is taken out of them share no elements while those are bfloat16.
 *  type: SCN_FLOAT32 or SCN_BFLOAT16, else SCN_ERROR_UNSUPPORTED. */
SCN_API scn_status scn_set_autocast(scn_element_type type);

/* Arithmetic with gradients. */

/** Return a + b; equal shapes (dense), or equal sites and planes (sparse). Also SCN_ERROR_SHAPE. */
SCN_API scn_status scn_tensor_add(scn_tensor *a, scn_tensor *b, scn_tensor **sum);
/** Return a * b, element by element; the same demands. */
SCN_API scn_status scn_tensor_multiply(scn_tensor *a, scn_tensor *b, scn_tensor **product);
/** Return tensor * factor. */
SCN_API scn_status scn_tensor_scale(scn_tensor *tensor, float factor, scn_tensor **result);
/** Return the sum of all elements of a dense or sparse tensor, rank 0. */
SCN_API scn_status scn_tensor_sum(scn_tensor *tensor, scn_tensor **sum);
/** Return a dense tensor of another shape with the same elements in order. One size may be -1: it is inferred.
 *  Also SCN_ERROR_SHAPE. */
SCN_API scn_status scn_tensor_reshape(scn_tensor *dense, const int64_t *shape, int32_t rank, scn_tensor **result);
/** Return the convolution of rows along a rulebook. features: dense or sparse, [rulebook's input rows, in]; weight:
 *  dense [volume, groups, in / groups, out / groups]; bias: dense [out], or NULL for none. result: dense [output rows,
 *  out]; scn_sparse_create puts it on its sites. Also SCN_ERROR_SHAPE. */
SCN_API scn_status scn_tensor_convolve(scn_tensor *features, scn_rulebook *rulebook, scn_tensor *weight,
                                       scn_tensor *bias, scn_tensor **result);
/** Return a normalized convolution: that of scn_tensor_convolve without bias, divided by the occupancy that the filter
 *  sees, plus the bias. The occupancy of an output row is the sum over its rules of the input rows' weights; where it
 *  is 0, the convolution counts as zero. site_weights: dense [input rows], gradients flow into it, or NULL for ones.
 *  Other arguments: as above. Also SCN_ERROR_SHAPE. */
SCN_API scn_status scn_tensor_convolve_normalized(scn_tensor *features, scn_rulebook *rulebook, scn_tensor *weight,
                                                  scn_tensor *bias, scn_tensor *site_weights, scn_tensor **result);
/** What a pooling makes of the inputs that an output row meets; zero where it meets none. */
typedef enum scn_pooling {
    SCN_POOLING_SUM = 0,
    SCN_POOLING_MEAN = 1,          /**< The sum divided by the number of inputs that are there. */
    SCN_POOLING_VOLUME_MEAN = 2,   /**< The sum divided by the rulebook's volume. */
    SCN_POOLING_MAX = 3,           /**< The largest; NaN is larger than all numbers. */
    SCN_POOLING_MAX_WITH_ZERO = 4  /**< The largest, and zero: SparseConvNet's and spconv's. */
} scn_pooling;
/** Return what a pooling makes of rows along a rulebook. features: as above; result: dense [output rows, planes]. Also
 *  SCN_ERROR_SHAPE. */
SCN_API scn_status scn_tensor_pool(scn_tensor *features, scn_rulebook *rulebook, scn_pooling pooling,
                                   scn_tensor **result);
/** Return the sums over the rules of an output row of the input rows, each times the rule's weight, added in double.
 *  features: as above; weights: dense, as many as rules, in their order; result: dense [output rows, planes]. Also
 *  SCN_ERROR_SHAPE. */
SCN_API scn_status scn_tensor_sum_along(scn_tensor *features, scn_rulebook *rulebook, scn_tensor *weights,
                                        scn_tensor **result);
/** Return the values of a sparse tensor at points between its sites, d-linear in the points: of the 2^d sites around a
 *  point, each times how near it is, 1 - |point - coordinate| on each axis. points: dense [n, dimension], in units of
 *  the coordinates; gradients flow into them, too, toward larger coordinates where a point is at one. batch: [n], the
 *  sample of each point, or NULL for the first. rescaled: 0: a site that is not there counts as zero; 1: what the sites
 *  that are there weigh is divided by their sum. result: dense [n, planes], zeros where no site is. Also
 *  SCN_ERROR_SHAPE, SCN_ERROR_COORDINATE (a point that is not finite). */
SCN_API scn_status scn_tensor_interpolate(scn_tensor *sparse, scn_tensor *points, const int64_t *batch,
                                          int32_t rescaled, scn_tensor **result);
/** Return one batch of the samples of all tensors, one tensor after the other. tensors: [count], sparse, at least one,
 *  of one spatial size and planes (else SCN_ERROR_SHAPE); the result's rows are theirs one after the other. */
SCN_API scn_status scn_append_tensors(scn_tensor *const *tensors, int64_t count, scn_tensor **result);
/** Return the sum of squared differences over the union of the sites of x and y, zeros where one has no site, divided
 *  by the number of sites of the union (0 where there is none), rank 0. x, y: sparse, of one spatial size and planes
 *  (else SCN_ERROR_SHAPE); their geometries and batch sizes may differ. */
SCN_API scn_status scn_compare_sparse(scn_tensor *x, scn_tensor *y, scn_tensor **loss);
/** Return the mean cross-entropy, rank 0, of softmax(logits) at the labels.
 *  logits: [n, classes], dense or sparse. labels: [n], each in 0 ... classes - 1 or ignore_index. class_weights:
 *  [classes], finite and >= 0, or NULL for ones: the mean is then weighted. Rows labeled ignore_index do not count and
 *  are not read; where none counts, the loss is 0. A NaN in another row makes the loss and the row's gradient NaN,
 *  under weight 0, too. Rows of sparse logits are sorted, so that labels in the order of the points that an input layer
 *  got are wrong, and no error: end the network with an output layer, or sort the labels as the sites. Also
 *  SCN_ERROR_SHAPE. */
SCN_API scn_status scn_cross_entropy(scn_tensor *logits, const int64_t *labels, int64_t count,
                                     const float *class_weights, int64_t ignore_index, scn_tensor **loss);
/** Return the mean logistic loss, rank 0: the cross-entropy of sigmoid(logits) at the targets.
 *  logits: any shape, dense or sparse; the mask of a sparsify without activation, say. targets: [count], each in 0 ...
 *  1, one for each logit in their order: with sparse logits, and with a mask, that of the sorted sites (see
 *  scn_cross_entropy). Where there is none, the loss is 0. Also SCN_ERROR_SHAPE. */
SCN_API scn_status scn_binary_cross_entropy(scn_tensor *logits, const float *targets, int64_t count, scn_tensor **loss);

/* Segments: rows that belong together, with gradients. Each row belongs to one of `segments` segments, or to none.
 *
 * segment_of_row: [count], 0 ... segments - 1, or -1 where a row belongs to none; in any order. count: the rows of the
 * tensor, the size of its first axis, else SCN_ERROR_SHAPE; -1 for a sparse tensor whose segments are its samples:
 * segment_of_row and segments are then not read. */

/** What becomes of the rows of a segment; one without rows gets zeros. */
typedef enum scn_segment_reduction {
    SCN_SEGMENT_SUM = 0,
    SCN_SEGMENT_MEAN = 1,
    SCN_SEGMENT_MAX = 2  /**< Of each plane. NaN wins; all maxima get the gradient. */
} scn_segment_reduction;

/** How the vectors of segments meet the rows of a tensor. Rows without a segment meet a vector of zeros. */
typedef enum scn_broadcast {
    SCN_BROADCAST_ADD = 0,
    SCN_BROADCAST_MULTIPLY = 1,  /**< Element by element. */
    SCN_BROADCAST_JOIN = 2       /**< The vector's planes behind those of the row. */
} scn_broadcast;

/** Return the sum, mean or maximum over the rows of each segment, a dense tensor [segments, ...], from a dense or
 *  sparse one [rows, ...]. Sums and means are added in double. Also SCN_ERROR_SHAPE, SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_tensor_segment_reduce(scn_tensor *tensor, const int64_t *segment_of_row, int64_t count,
                                             int64_t segments, scn_segment_reduction reduction, scn_tensor **result);
/** Return the softmax of each plane over the rows of a segment, in the tensor's kind and shape; zeros in rows without
 *  one. A segment whose rows are all -inf gets NaN. Also SCN_ERROR_SHAPE, SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_tensor_segment_softmax(scn_tensor *tensor, const int64_t *segment_of_row, int64_t count,
                                              int64_t segments, scn_tensor **result);
/** Return for each row the vector of its segment, dense [count, ...], from vectors, dense [segments, ...]; zeros in
 *  rows without one. count: >= 0. Also SCN_ERROR_SHAPE, SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_tensor_segment_gather(scn_tensor *vectors, const int64_t *segment_of_row, int64_t count,
                                             scn_tensor **result);
/** Return the first `most` rows of each segment, in their order, with zeros behind them: dense [segments, most, ...].
 *  Also SCN_ERROR_SHAPE, SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_tensor_segment_pad(scn_tensor *tensor, const int64_t *segment_of_row, int64_t count,
                                          int64_t segments, int64_t most, scn_tensor **result);
/** Return a tensor, dense [rows, planes] or sparse, each row of which has met the vector of its segment. vectors: dense
 *  [segments, planes], of any number of planes where they are joined. Also SCN_ERROR_SHAPE, SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_tensor_broadcast(scn_tensor *tensor, scn_tensor *vectors, const int64_t *segment_of_row,
                                        int64_t count, scn_broadcast operation, scn_tensor **result);

/* ============================================================================================================ Modules
 *
 * A module holds parameters (trained), buffers (running statistics) and perhaps other modules, and maps a tensor to a
 * tensor. Parameters are initialized from the generator, see scn_manual_seed. Every module starts in training mode. */

/** Apply a module. input: retained by the record while gradients need it. Also SCN_ERROR_SHAPE, SCN_ERROR_COORDINATE,
 *  SCN_ERROR_OVERFLOW, SCN_ERROR_STATE, SCN_ERROR_UNSUPPORTED. */
SCN_API scn_status scn_module_forward(scn_module *module, scn_tensor *input, scn_tensor **output);
/** Switch this module and all inside it to training (1) or evaluation (0). */
SCN_API scn_status scn_module_set_training(scn_module *module, int32_t training);
/** Store whether a module is in training, 1 or 0. */
SCN_API scn_status scn_module_get_training(scn_module *module, int32_t *training);
/** Set the momentum, 0 ... 1, of every batch normalization in a module, mean-only ones too: the fraction of the running
 *  statistics that a step keeps; 0.99 in the networks that scn_..._net_create and scn_unet_create make. */
SCN_API scn_status scn_module_set_momentum(scn_module *module, double momentum);
/** Store the input spatial size that yields output_size. Both [dimension]. Also SCN_ERROR_SHAPE, where a table's
 *  branches disagree, and SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_module_input_spatial_size(scn_module *module, int32_t dimension, const int64_t *output_size,
                                                 int64_t *input_size);
/** Store the number of parameters and buffers, those of inner modules included. */
SCN_API scn_status scn_module_state_count(scn_module *module, int64_t *count);
/** Return entry `index` of the state: its name, the path of child indices and the entry's own, "2.0.weight" (valid
 *  until the module is released or gets another child), the tensor itself, and whether it is a parameter (1) or a
 *  buffer (0). */
SCN_API scn_status scn_module_state(scn_module *module, int64_t index, const char **name, scn_tensor **tensor,
                                    int32_t *is_parameter);
/** Scale and shift every convolution and product with a bias, by its weight and bias, so that each plane of what it
 *  makes of `input` has mean 0 and deviation 1 there, in the order in which the input flows through, in Sequentials and
 *  ConcatTables at any depth; return what the module makes of the input then (output: NULL where not wanted). Nothing
 *  is recorded; running statistics are updated as by a forward pass; weights of planes without deviation stay. Returns
 *  what scn_module_forward returns, and changes nothing where that is an error. */
SCN_API scn_status scn_module_reweight(scn_module *module, scn_tensor *input, scn_tensor **output);
/** Do the same with the biases alone: mean 0. */
SCN_API scn_status scn_module_rebias(scn_module *module, scn_tensor *input, scn_tensor **output);
/** Make a convolution or product divide its weight by its largest singular value, times norm (Miyato et al., 2018); the
 *  last axis of the weight is taken as the columns of a matrix. The state then has weight_orig (the parameter: the
 *  tensor that was weight), weight and weight_u (buffers). Each forward pass in training makes n_power_iterations, >=
 *  1, steps of the power iteration, epsilon being the least length that a vector is divided by; evaluation uses the
 *  weight of the last such pass, and its gradients do not reach weight_orig. epsilon, norm: FLT_MIN ... FLT_MAX.
 *  SCN_ERROR_STATE where the module has a spectral norm. */
SCN_API scn_status scn_module_add_spectral_norm(scn_module *module, int64_t n_power_iterations, double epsilon,
                                                double norm);
/** Forget the gradients of all parameters. */
SCN_API scn_status scn_module_zero_gradients(scn_module *module);
/** Return the type's name, "SubmanifoldConvolution"; a constant. */
SCN_API scn_status scn_module_type(scn_module *module, const char **name);
/** Return the architecture as JSON text, what scn_module_create takes; valid until the module is released or gets
 *  another child. */
SCN_API scn_status scn_module_architecture(scn_module *module, const char **json);
/** Return a tree of the module for people to read, with the shapes and the number of parameters; valid until the next
 *  call for this module. */
SCN_API scn_status scn_module_description(scn_module *module, const char **text);
/** Apply a module in evaluation mode, without a record, and return a table for people to read: of each layer the active
 *  sites and planes of its result, rules, parameters, multiply-adds, and memory, the bytes of the result; a row with
 *  their totals at the end. Changes neither the module nor the counts of scn_get_forward_counts. The text is valid
 *  until the next call for this module. Also the errors of scn_module_forward. */
SCN_API scn_status scn_module_summary(scn_module *module, scn_tensor *input, const char **text);
/** Create a module from its architecture as JSON text: {"type": "ReLU"}; {"type": "Sequential", "modules": [...]};
 *  other keys are the type's arguments, see scn_layer_types, each by its key, by SparseConvNet's name or by a name that
 *  it had before; messages call an argument as the text does. Parameters are initialized anew. Also SCN_ERROR_FORMAT,
 *  for more than four million values or 100,000 modules among others. */
SCN_API scn_status scn_module_create(const char *json, scn_module **module);
/** Store what the library says of every type of layer that scn_module_create can make, as a JSON array; a constant. Of
 *  each type: "type", its name; "documentation", one line; "arguments", in SparseConvNet's order; "state", its
 *  parameters and buffers; and "holds_modules" where "modules" lists others. Of each argument: "name", the key; "kind":
 *  integer, flag, real, choice, sizes or ratios (a list with an entry for each axis, or one number for all); "minimum",
 *  "maximum", "bound" or "choices"; "default" where the key may be absent; "is_nullable" where null is a value;
 *  "sparseconvnet_name" and "former_names", which are read as the key is; "is_addition" where SparseConvNet lacks it;
 *  "is_taken_over" where only scn_module_optimize_for_inference gives it another value. */
SCN_API scn_status scn_layer_types(const char **json);
/** Check an architecture and store it with every argument, as scn_module_architecture does, without making the module:
 *  nothing is allocated for parameters and no random number is drawn. completed: [capacity], the text with its closing
 *  zero; NULL where capacity is 0, to ask for the length alone. length: the bytes that it takes. Also SCN_ERROR_SHAPE
 *  where they do not fit, and the errors of scn_module_create. */
SCN_API scn_status scn_complete_architecture(const char *json, char *completed, int64_t capacity, int64_t *length);
/** Return a new module of type InferenceNetwork that gives the results of this one's evaluation, within rounding, in
 *  less time; this one stays as it is. Batch norm is folded into the weights of the convolution or dense product before
 *  it, a (leaky) ReLU behind becomes that layer's last step, a dropout a factor of its weights; what a join has on its
 *  branches' ends goes into the branches; Identity vanishes.
 *      scn_module *net, *fast;
 *      scn_checkpoint_open("trained.safetensors", &net);
 *      if (scn_module_optimize_for_inference(net, &fast) != SCN_OK) return puts(scn_last_error()), 1;
 *      scn_module_release(net);
 *      scn_checkpoint_save("fast.safetensors", fast, NULL);  // opens again, with the same bits
 *      scn_module_forward(fast, points, &logits);            // nothing is recorded
 *  The new module stays in evaluation mode whatever scn_module_set_training says, has no children to get at, and keeps
 *  its weights packed as the cpu wants them (a second copy). It lists its state as any module does; nothing in it
 *  requires a gradient, and weights whose address scn_tensor_data gave out are packed anew at each call. Its forward
 *  returns SCN_ERROR_STATE where operations are recorded and the input requires a gradient. Features and weights inside
 *  are SCN_FLOAT32, or what they are in the module if that is an InferenceNetwork itself. Also SCN_ERROR_UNSUPPORTED,
 *  where the module holds a type that scn_module_create cannot make. */
SCN_API scn_status scn_module_optimize_for_inference(scn_module *module, scn_module **optimized);
/** The same with features and weights of the given type inside. SCN_BFLOAT16, the upper half of a float32: convolutions
 *  and 1 x 1 convolutions whose output planes depend on 16 input planes or more multiply bfloat16 and add in float32,
 *  with the instructions that the cpu has for that (AMX, AVX512-BF16) or else with those of float32; features are
 *  rounded to the nearest when a layer is done. The first layers of few planes multiply float32, and so does a matrix
 *  product at the end, whose result is not rounded; results are float32. A result is the same for any number of
 *  threads, and differs from one instruction set to the other as float32's do. In files the weights are float32, and
 *  the architecture names the type. precision: SCN_FLOAT32 or SCN_BFLOAT16, else SCN_ERROR_UNSUPPORTED. */
SCN_API scn_status scn_module_optimize_for_inference_in(scn_module *module, scn_element_type precision,
                                                        scn_module **optimized);
/** Count one more owner of the handle. */
SCN_API scn_status scn_module_retain(scn_module *module);
/** Release a handle; NULL does nothing. */
SCN_API scn_status scn_module_release(scn_module *module);

/* Containers. Modules nest at most 256 deep and cannot contain themselves (SCN_ERROR_STATE). */

/** Create a module that applies its children one after the other. children: [count], retained; NULL where count
 *  is 0. */
SCN_API scn_status scn_sequential_create(scn_module *const *children, int64_t count, scn_module **module);
/** Create a sequential that keeps its input alone and computes what lies between again in the backward pass (Chen et
 *  al., 2016). Results and gradients are those of scn_sequential_create, bit by bit; running statistics are updated
 *  once. */
SCN_API scn_status scn_checkpointed_sequential_create(scn_module *const *children, int64_t count, scn_module **module);
/** Create a module that applies each of its children to the one input and makes a table of the results. */
SCN_API scn_status scn_concat_table_create(scn_module *const *children, int64_t count, scn_module **module);
/** Create a module that adds the tensors of a table: the same sites, the same planes. */
SCN_API scn_status scn_add_table_create(scn_module **module);
/** Create a module that puts the planes of the tensors of a table side by side: the same sites. */
SCN_API scn_status scn_join_table_create(scn_module **module);
/** Create a module that returns its input. */
SCN_API scn_status scn_identity_create(scn_module **module);
/** Create a module that prints what passes through it to standard output, and returns it. Where nobody reads that any
 *  more the line is lost, without an error and without SIGPIPE. */
SCN_API scn_status scn_verbose_identity_create(scn_module **module);
/** Create a module that adds a plane for each axis of a sparse tensor: the coordinate, scaled to -1 ... 1 over the
 *  spatial size (0 where that is 1). [sites, planes] to [sites, planes + dimension]. */
SCN_API scn_status scn_add_coords_create(scn_module **module);
/** Append a child to a Sequential or ConcatTable. child: retained. Also SCN_ERROR_STATE. */
SCN_API scn_status scn_module_add(scn_module *container, scn_module *child);
/** Store the number of children of a container, 0 for any other module. */
SCN_API scn_status scn_module_child_count(scn_module *module, int64_t *count);
/** Return child `index` of a container. */
SCN_API scn_status scn_module_child(scn_module *module, int64_t index, scn_module **child);

/* Into sparse tensors and out of them. */

/** What an input layer does with rows that name one site. */
typedef enum scn_input_mode {
    SCN_INPUT_UNIQUE = 0,  /**< A duplicate is an error. */
    SCN_INPUT_LAST = 1,    /**< The last row wins. */
    SCN_INPUT_FIRST = 2,   /**< The first row wins. */
    SCN_INPUT_SUM = 3,
    SCN_INPUT_MEAN = 4
} scn_input_mode;

/** Create a module that turns points into a sparse tensor. spatial_size: [dimension], copied.
 *  Forward returns SCN_ERROR_COORDINATE for a row out of range, or duplicate where the mode forbids it, and names
 *  it. */
SCN_API scn_status scn_input_layer_create(int32_t dimension, const int64_t *spatial_size, scn_input_mode mode,
                                          scn_module **module);
/** The places that sites may have: lower ... lower + spatial_size - 1 on each axis. Arrays are [dimension], borrowed.
 *  A field without bounds is the box around its sites, and widens with what layers make of them; it ends only where
 *  the bits of a site's coordinates and batch index together would be more than 128. Strides round down, below 0 too:
 *  a site at -1 with stride 2 belongs to -1. */
typedef struct scn_field {
    size_t struct_size;           /**< Set by the _INIT macro. */
    int32_t dimension;            /**< The number of axes, 1 ... SCN_MAX_DIMENSION. */
    const int64_t *spatial_size;  /**< Places along each axis; NULL: a field without bounds. */
    const int64_t *lower;         /**< The least coordinate on each axis; NULL for zeros. */
    int32_t keep_outside;         /**< 1: sites may lie outside: layers that keep sites keep them, those with strides
                                   *   and SparseToDense leave them out; 0: they are errors. */
} scn_field;
/** A field without bounds; its dimension is to be set. */
#define SCN_FIELD_INIT {sizeof(scn_field), 0, NULL, NULL, 0}
/** Create the same layer for points in any field. Also SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_input_layer_create_in_field(const scn_field *field, scn_input_mode mode, scn_module **module);
/** Create a module that gives every row of the input layer's points the vector of its site: dense [rows, planes]. In
 *  modes 1 and 2 only the winning row gets it, the others zeros. */
SCN_API scn_status scn_output_layer_create(int32_t dimension, scn_module **module);
/** Create a module that makes a dense tensor [batch, planes, ...spatial size], zeros where there is no site. Sites
 *  outside of the field are left out. */
SCN_API scn_status scn_sparse_to_dense_create(int32_t dimension, int64_t planes, scn_module **module);
/** Create a module that turns batched points (scn_points_create_batched) into a sparse tensor; otherwise an input
 *  layer. */
SCN_API scn_status scn_bl_input_layer_create(int32_t dimension, const int64_t *spatial_size, scn_input_mode mode,
                                             scn_module **module);
/** Create a module that gives every row of the BL input layer's points the vector of its site: dense [batch_size,
 *  length, planes], zeros at padding and, in modes 1 and 2, at rows that did not win. */
SCN_API scn_status scn_bl_output_layer_create(int32_t dimension, scn_module **module);
/** Create a module that turns a dense tensor [batch, planes, ...spatial size] into a sparse one: a site wherever a
 *  plane is not zero. */
SCN_API scn_status scn_dense_to_sparse_create(int32_t dimension, scn_module **module);

/** What follows the scores of a sparsify. */
typedef enum scn_sparsify_activation {
    SCN_SPARSIFY_NONE = 0,                   /**< Sites whose score is above 0 stay. */
    SCN_SPARSIFY_SIGMOID = 1,                /**< Those above 0.5 after a sigmoid. */
    SCN_SPARSIFY_FAKE_GRAD_HARD_SIGMOID = 2  /**< The same after a step from 0 to 1 at 0; the identity's gradient. */
} scn_sparsify_activation;

/** Create a module that scores each site by a network-in-network of 1 plane and keeps those that score high, in their
 *  order and with all planes: net.weight [in, 1] and net.bias [1], after an activation net.0.weight and net.0.bias. The
 *  scores are the result's scn_tensor_mask. */
SCN_API scn_status scn_sparsify_create(int32_t dimension, int64_t in_planes, scn_sparsify_activation activation,
                                       scn_module **module);
/** Create a module that keeps the sites whose first plane is above 0. */
SCN_API scn_status scn_sparsify_fcs_create(int32_t dimension, scn_module **module);
/** Create a module that flattens a dense tensor [n, ...] into a matrix [n, rest]. */
SCN_API scn_status scn_flatten_create(scn_module **module);

/* Layers with parameters `weight` and, where asked for, `bias`. */

/** Options of convolutions. */
typedef struct scn_convolution_options {
    size_t struct_size;       /**< Set by the _INIT macro. */
    int64_t groups;           /**< Divides the planes in and out; 1. */
    int32_t bias;             /**< Whether to add a bias [out_planes]; 0. */
    const int64_t *padding;   /**< [dimension], or NULL for zeros. Not for submanifold convolutions. */
    const int64_t *dilation;  /**< [dimension], or NULL for ones. */
    int32_t rounds_down;      /**< 1: the last places of a field may lie under no window where there is neither padding
                               *   nor dilation; 0. Not for submanifold convolutions. */
    int32_t normalized;       /**< 1: sums are divided, before the bias, by how many inputs the filter meets (Knutsson
                               *   and Westin, "Normalized and differential convolution", 1993); 0. */
} scn_convolution_options;
/** The defaults of scn_convolution_options. */
#define SCN_CONVOLUTION_OPTIONS_INIT {sizeof(scn_convolution_options), 1, 0, NULL, NULL, 0, 0}

/** Create a submanifold convolution: the sites stay; offset k of the filter reads site + (k - size / 2) * dilation.
 *  weight [volume, groups, in / groups, out / groups], initialized N(0, 2 * groups / (in * volume)).
 *  filter_size: [dimension], copied. options: NULL for the defaults. Also SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_submanifold_convolution_create(int32_t dimension, int64_t in_planes, int64_t out_planes,
                                                      const int64_t *filter_size,
                                                      const scn_convolution_options *options, scn_module **module);
/** Create a convolution: a site is active where any input lies under the filter, input = output * stride - padding +
 *  k * dilation. The size is (in + 2 * padding - dilation * (filter - 1) - 1) / stride + 1, rounded down; with padding
 *  0 and dilation 1 it must be exact, unless options->rounds_down. */
SCN_API scn_status scn_convolution_create(int32_t dimension, int64_t in_planes, int64_t out_planes,
                                          const int64_t *filter_size, const int64_t *filter_stride,
                                          const scn_convolution_options *options, scn_module **module);
/** Create a deconvolution: the earlier convolution or pooling with the same filter that led to these sites, reversed.
 *  Its result has that one's input sites. Forward returns SCN_ERROR_STATE where there was none. */
SCN_API scn_status scn_deconvolution_create(int32_t dimension, int64_t in_planes, int64_t out_planes,
                                            const int64_t *filter_size, const int64_t *filter_stride,
                                            const scn_convolution_options *options, scn_module **module);
/** Create a full (transposed, generative) convolution: a site is active wherever the filter reaches from an input,
 *  output = input * stride - padding + k * dilation. The size is (in - 1) * stride + dilation * (filter - 1) + 1 - 2 *
 *  padding. */
SCN_API scn_status scn_full_convolution_create(int32_t dimension, int64_t in_planes, int64_t out_planes,
                                               const int64_t *filter_size, const int64_t *filter_stride,
                                               const scn_convolution_options *options, scn_module **module);
/** Create a convolution whose windows are displaced at random in training: along each axis the steps are a shuffle of
 *  stride - 1, stride + 1 and stride, a third of the windows each. The displacement is drawn once for a site set and a
 *  filter, and shared by all layers of that filter; each pass in training takes one number from the generator, drawing
 *  or not. In evaluation it is the convolution of scn_convolution_create. At most 2^24 windows an axis
 *  (SCN_ERROR_OVERFLOW). */
SCN_API scn_status scn_randomized_stride_convolution_create(int32_t dimension, int64_t in_planes, int64_t out_planes,
                                                            const int64_t *filter_size, const int64_t *filter_stride,
                                                            const scn_convolution_options *options,
                                                            scn_module **module);
/** Sets of filter offsets that scn_filter_offsets makes. Tap t of an axis is at (t - size / 2) * dilation - padding,
 *  rounded down, or at t * dilation - padding where the box has its corner at 0. */
typedef enum scn_filter_shape {
    SCN_FILTER_CENTERED = 0,  /**< A box around 0, row-major. */
    SCN_FILTER_CORNER = 1,    /**< A box from 0 on, row-major. */
    SCN_FILTER_CROSS = 2      /**< The center, then what a centered box has on each axis, the first axis first. */
} scn_filter_shape;
/** Options of convolutions onto any sites. */
typedef struct scn_convolution_onto_options {
    size_t struct_size;            /**< Set by the _INIT macro. */
    int64_t groups;                /**< Divides the planes in and out; 1. */
    int32_t bias;                  /**< Whether to add a bias [out_planes]; 0. */
    scn_filter_shape shape;        /**< Where filter offsets are; SCN_FILTER_CENTERED. */
    const int64_t *dilation;       /**< [dimension], or NULL for ones. */
    const int64_t *input_stride;   /**< [dimension], what a step of the input counts, or NULL for ones. */
    const int64_t *output_stride;  /**< [dimension], the same of the result's. */
    int32_t normalized;            /**< As in scn_convolution_options; 0. */
} scn_convolution_onto_options;
/** The defaults of scn_convolution_onto_options. */
#define SCN_CONVOLUTION_ONTO_OPTIONS_INIT \
    {sizeof(scn_convolution_onto_options), 1, 0, SCN_FILTER_CENTERED, NULL, NULL, NULL, 0}
/** Create a convolution onto any sites: input * input_stride = output * output_stride + offset. Of a table of two
 *  sparse tensors it convolves the first onto the sites of the second; of one sparse tensor onto its own sites where
 *  strides are ones, onto floor(site / output_stride) where input_stride is 1, else onto all sites that are related to
 *  one of its. weight [volume, groups, in / groups, out / groups], initialized N(0, 2 * groups / (in * volume)).
 *  filter_size: [dimension], copied. options: NULL for the defaults. Also SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_convolution_onto_create(int32_t dimension, int64_t in_planes, int64_t out_planes,
                                               const int64_t *filter_size,
                                               const scn_convolution_onto_options *options, scn_module **module);
/** Create a submanifold convolution on the lattice A_d, whose sites have d * (d + 1) nearest neighbors (Kiefel, Jampani
 *  and Gehler, 2015): weight [d * d + d + 1, groups, in / groups, out / groups], initialized N(0, 2 / (in * volume));
 *  offset k reads site + scn_permutohedral_offsets[k]. options: no padding, no dilation. */
SCN_API scn_status scn_permutohedral_submanifold_convolution_create(int32_t dimension, int64_t in_planes,
                                                                    int64_t out_planes,
                                                                    const scn_convolution_options *options,
                                                                    scn_module **module);
/** Store the filter offsets on the lattice A_d in offsets[d * d + d + 1][d]; capacity: elements that fit there. Also
 *  SCN_ERROR_SHAPE where they do not fit. */
SCN_API scn_status scn_permutohedral_offsets(int32_t dimension, int64_t *offsets, int64_t capacity);
/** Store a basis of the lattice A_d, rows of length 1 at 60 degrees, and its inverse: a point (a row) times the inverse
 *  has the lattice coordinates. Both [dimension, dimension]; NULL where not wanted. */
SCN_API scn_status scn_permutohedral_basis(int32_t dimension, double *basis, double *inverse);
/** Create a module that puts the features of a site's neighborhood side by side: volume * in_planes planes on the same
 *  sites, plane k * in_planes + p being plane p under offset k of a submanifold filter, 0 where no site is.
 *  filter_size: [dimension], copied, or NULL for threes. Also SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_shape_context_create(int32_t dimension, int64_t in_planes, const int64_t *filter_size,
                                            scn_module **module);
/** Create a 1 x 1 convolution of sparse tensors: weight [in, out], N(0, 2 / in). */
SCN_API scn_status scn_network_in_network_create(int64_t in_planes, int64_t out_planes, int32_t bias,
                                                 scn_module **module);
/** Create a linear layer over the last axis of a dense tensor, or the planes of a sparse one: weight [out, in]. */
SCN_API scn_status scn_linear_create(int64_t in_planes, int64_t out_planes, int32_t bias, scn_module **module);

/* Pooling, normalization, activation, dropout. */

/** Options of poolings. */
typedef struct scn_pooling_options {
    size_t struct_size;        /**< Set by the _INIT macro. */
    int64_t features_to_drop;  /**< Leaves out the first planes; 0. */
    const int64_t *padding;    /**< [dimension], or NULL for zeros. */
    const int64_t *dilation;   /**< [dimension], or NULL for ones. */
    int32_t rounds_down;       /**< As in scn_convolution_options; 0. */
} scn_pooling_options;
/** The defaults of scn_pooling_options. */
#define SCN_POOLING_OPTIONS_INIT {sizeof(scn_pooling_options), 0, NULL, NULL, 0}

/** Create a max pooling; inactive sites count as zero and the maximum starts at zero. NaN is larger than all numbers.
 *  Tied maxima all get the gradient. */
SCN_API scn_status scn_max_pooling_create(int32_t dimension, const int64_t *pool_size, const int64_t *pool_stride,
                                          const scn_pooling_options *options, scn_module **module);

/** Create an average pooling: the sum under the window divided by the filter volume, so that inactive sites count as
 *  zeros. */
SCN_API scn_status scn_average_pooling_create(int32_t dimension, const int64_t *pool_size, const int64_t *pool_stride,
                                              const scn_pooling_options *options, scn_module **module);
/** Create an un-pooling: the earlier convolution or pooling with the same window that led to these sites, reversed.
 *  Each of its input sites gets the sum of the vectors of the windows over it. Forward returns SCN_ERROR_STATE where
 *  there was none. */
SCN_API scn_status scn_unpooling_create(int32_t dimension, const int64_t *pool_size, const int64_t *pool_stride,
                                        const scn_pooling_options *options, scn_module **module);
/** Create a max pooling whose windows are displaced at random in training, as those of
 *  scn_randomized_stride_convolution_create; in evaluation it is the pooling of scn_max_pooling_create. */
SCN_API scn_status scn_randomized_stride_max_pooling_create(int32_t dimension, const int64_t *pool_size,
                                                            const int64_t *pool_stride,
                                                            const scn_pooling_options *options, scn_module **module);

/** The order of the steps from window to window in fractional pooling. */
typedef enum scn_window_order {
    SCN_WINDOWS_PSEUDORANDOM = 0,  /**< As even as can be, from a random beginning. */
    SCN_WINDOWS_RANDOM = 1         /**< A shuffle. */
} scn_window_order;

/** Options of fractional max pooling. */
typedef struct scn_fractional_options {
    size_t struct_size;          /**< Set by the _INIT macro. */
    const double *ratio;         /**< [dimension], > 1: floor(size / ratio) windows, at least 1; NULL: output_size. */
    const int64_t *output_size;  /**< [dimension]: as many windows; NULL where there is a ratio. */
    const int64_t *pool_size;    /**< [dimension], or NULL for twos. */
    int32_t tiles;               /**< Whether each window ends where the next begins; pool_size is NULL then; 0. */
    scn_window_order order;      /**< SCN_WINDOWS_PSEUDORANDOM. */
    int64_t features_to_drop;    /**< Leaves out the first planes; 0. */
} scn_fractional_options;
/** The defaults of scn_fractional_options. */
#define SCN_FRACTIONAL_OPTIONS_INIT {sizeof(scn_fractional_options), NULL, NULL, NULL, 0, SCN_WINDOWS_PSEUDORANDOM, 0}

/** Create a fractional max pooling (Graham, "Fractional Max-Pooling", 2014): along each axis n windows of size p start
 *  at 0 = s(0) < ... < s(n - 1) = size - p, and the steps are the two integers next to (size - p) / (n - 1); tiles have
 *  the two lengths next to size / n. In training the order of the steps is drawn once for a site set and these options,
 *  and each pass takes one number from the generator. In evaluation the windows lie as evenly as can be; to average
 *  over several draws, as the paper does, leave the module in training mode. Maxima as in scn_max_pooling_create.
 *  options: needs a ratio or an output_size. Forward returns SCN_ERROR_SHAPE where the windows do not fit. At most 2^24
 *  windows an axis (SCN_ERROR_OVERFLOW). Also SCN_ERROR_SHAPE. */
SCN_API scn_status scn_fractional_max_pooling_create(int32_t dimension, const scn_fractional_options *options,
                                                     scn_module **module);

/** What becomes of all sites of a sample. */
typedef enum scn_global_pooling {
    SCN_GLOBAL_SUM = 0,
    SCN_GLOBAL_AVERAGE = 1,  /**< Over the sample's sites: inactive ones do not count. */
    SCN_GLOBAL_MAX = 2       /**< Over the sample's sites: it may be negative. NaN wins; all maxima get the gradient. */
} scn_global_pooling;

/** Create a module that pools all sites of each sample: dense [batch, planes], zeros for a sample without sites. */
SCN_API scn_status scn_global_pooling_create(int32_t dimension, scn_global_pooling pooling, scn_module **module);

/** Options of batch normalization. */
typedef struct scn_batch_norm_options {
    size_t struct_size; /**< Set by the _INIT macro. */
    double epsilon;     /**< FLT_MIN ... FLT_MAX; 1e-4. */
    double momentum;    /**< The fraction of the running statistics that is kept, 0 ... 1; 0.99. */
    int32_t affine;     /**< Whether to have weight and bias; 1. */
    double leakiness;   /**< After normalizing: y > 0 ? y : leakiness * y, 0 ... FLT_MAX; 1 is none, 0 is ReLU; 1. */
} scn_batch_norm_options;
/** The defaults of scn_batch_norm_options. */
#define SCN_BATCH_NORM_OPTIONS_INIT {sizeof(scn_batch_norm_options), 1e-4, 0.99, 1, 1.0}

/** Create a batch normalization over rows: weight, bias, running_mean, running_var, each [planes]. Biased variance to
 *  normalize, unbiased for running_var. */
SCN_API scn_status scn_batch_norm_create(int64_t planes, const scn_batch_norm_options *options,
                                                  scn_module **module);

/** Create a Sequential of a batch normalization (epsilon 1e-4 and momentum 0.9 in SparseConvNet) and an ELU. */
SCN_API scn_status scn_batch_norm_elu_create(int64_t planes, double epsilon, double momentum, scn_module **module);
/** Create a batch normalization of the mean alone, y = x - mean + bias: bias (where affine is 1) and running_mean, each
 *  [planes]. The gradient goes through the mean. leakiness, momentum: as in scn_batch_norm_options. */
SCN_API scn_status scn_mean_only_norm_create(int64_t planes, int32_t affine, double leakiness, double momentum,
                                             scn_module **module);
/** Create a group normalization of sparse tensors (Wu and He, 2018): weight, bias, each [planes]. Each sample's sites
 *  and each of `groups` groups of neighboring planes have a mean and a biased variance of their own, in training and in
 *  evaluation. groups: a divisor of planes. epsilon: FLT_MIN ... FLT_MAX, added to the variance; 1e-5 is usual. */
SCN_API scn_status scn_group_norm_create(int64_t groups, int64_t planes, double epsilon, scn_module **module);

/** Create an instance normalization of sparse tensors (Ulyanov, Vedaldi and Lempitsky, 2016): each plane over each
 *  sample's sites has a mean and a biased variance of its own, in training and in evaluation. affine: 1 for weight
 *  (ones) and bias (zeros), each [planes], or 0. epsilon: as in scn_group_norm_create. */
SCN_API scn_status scn_instance_norm_create(int64_t planes, double epsilon, int32_t affine, scn_module **module);
/** Create a layer normalization (Ba, Kiros and Hinton, 2016): the planes of each row have a mean and a biased variance
 *  of their own. State and arguments as in scn_instance_norm_create. */
SCN_API scn_status scn_layer_norm_create(int64_t planes, double epsilon, int32_t affine, scn_module **module);

/** Functions of one number. */
typedef enum scn_activation {
    SCN_ACTIVATION_RELU = 0,
    SCN_ACTIVATION_LEAKY_RELU = 1,  /**< x > 0 ? x : parameter * x. */
    SCN_ACTIVATION_ELU = 2,
    SCN_ACTIVATION_SELU = 3,
    SCN_ACTIVATION_TANH = 4,
    SCN_ACTIVATION_SIGMOID = 5,
    SCN_ACTIVATION_GELU = 6,        /**< x times the normal distribution function of x. */
    SCN_ACTIVATION_SILU = 7,        /**< x / (1 + e^-x). */
    SCN_ACTIVATION_HARD_SWISH = 8,  /**< x * min(max(x + 3, 0), 6) / 6. */
    SCN_ACTIVATION_SOFTPLUS = 9     /**< log(1 + e^x). */
} scn_activation;

/** Create an activation. parameter: the leak of LeakyReLU, finite; ignored by the others. */
SCN_API scn_status scn_activation_create(scn_activation activation, double parameter, scn_module **module);
/** Create a ReLU whose leaks are learned (He et al., 2015), x > 0 ? x : leak * x: weight [planes]. planes: 1 for one
 *  leak of all planes, or the planes of the input. leak: what they are at first, finite; 0.25 is usual. */
SCN_API scn_status scn_prelu_create(int64_t planes, double leak, scn_module **module);
/** Create a dropout: in training times 0 (probability p) or 1, in evaluation times 1 - p. p: 0 ... 1. */
SCN_API scn_status scn_dropout_create(double p, scn_module **module);
/** Create a dropout of whole planes, the same for all rows of the batch. */
SCN_API scn_status scn_batchwise_dropout_create(double p, scn_module **module);

/* Networks. */

/** Create SparseConvNet's VGG net of dimension d. layers: words with white space between them:
 *    C16           submanifold convolution of size 3 to 16 planes, batch norm, ReLU
 *    MP, MP3/2     max pooling of size 3 and stride 2; MP2/2 and so on
 *    C3/2, C3/2:16 convolution of size 3 and stride 2 (to 16 planes), batch norm, ReLU
 *    C16,8  C16,8,8  C16,8,8,8   the "plus" forms: joined with branches that go down one, two, three levels
 *  Also SCN_ERROR_FORMAT. */
SCN_API scn_status scn_sparse_vgg_net_create(int32_t dimension, int64_t in_planes, const char *layers,
                                             scn_module **module);

/** Create SparseConvNet's pre-activation residual network (He et al., 2016). stages: words with white space between
 *  them:
 *    b16       a basic block: two convolutions of size 3 to 16 planes, around which the input goes
 *    b16x2     two of them; at most 1000
 *    b16x2/2   the first has stride 2: a convolution of size 3 on both ways
 *  A batch norm with ReLU closes the network. Also SCN_ERROR_FORMAT. */
SCN_API scn_status scn_sparse_resnet_create(int32_t dimension, int64_t in_planes, const char *stages,
                                            scn_module **module);

/** Create a DenseNet (Huang et al., 2017) of submanifold convolutions (Graham and van der Maaten, 2017). layers: words
 *  with white space between them:
 *    B4x12     a dense block of 4 layers with growth rate 12: batch norm, ReLU, 1 x 1 convolution to 48 planes, batch
 *              norm, ReLU, submanifold convolution of size 3 to 12 planes, joined with what the layer got; at most 1000
 *              layers
 *    T, T:24 a transition: batch norm, ReLU, 1 x 1 convolution to as many planes as before (to 24), average pooling 2/2
 *    T3/2, T3/2:24, AP2/2, MP2/2 the same with pooling of size 3 and stride 2; average or max pooling alone
 *  A batch norm with ReLU closes the network. Also SCN_ERROR_FORMAT. */
SCN_API scn_status scn_sparse_densenet_create(int32_t dimension, int64_t in_planes, const char *layers,
                                              scn_module **module);

/** Options of U-Nets and fully convolutional networks. */
typedef struct scn_unet_options {
    size_t struct_size;                /**< Set by the _INIT macro. */
    int32_t residual_blocks;           /**< Blocks of two convolutions around which their input goes; 0. */
    const int64_t *downsample_size;    /**< [dimension], or NULL for twos. */
    const int64_t *downsample_stride;  /**< [dimension], or NULL for twos. */
    double leakiness;                  /**< Of the activations, >= 0; 0 is ReLU; 0. */
    int64_t in_planes;                 /**< Of the input; -1: planes[0]; -1. */
} scn_unet_options;
/** The defaults of scn_unet_options. */
#define SCN_UNET_OPTIONS_INIT {sizeof(scn_unet_options), 0, NULL, NULL, 0.0, -1}

/** Create SparseConvNet's U-Net: at each level blocks, a way down to the next level and up again, joined with what the
 *  level had, and blocks again. The result has the sites of the input and planes[0] planes.
 *  repetitions: blocks a level, on each way, 1 ... 1000. planes: [levels], the finest first, copied, each 1 ... 2^20;
 *  levels 1 ... 64. Also SCN_ERROR_OVERFLOW.
 *  The spatial size of the input must suit every convolution down: with the default size and stride of 2, a multiple of
 *  2^(levels - 1) on each axis; else scn_module_forward returns SCN_ERROR_SHAPE. */
SCN_API scn_status scn_unet_create(int32_t dimension, int64_t repetitions, const int64_t *planes, int64_t levels,
                                   const scn_unet_options *options, scn_module **module);
/** Create SparseConvNet's fully convolutional network: at each level blocks, and a way down to the next level whose
 *  result is copied up by un-pooling and joined with what the level had. The result has the sites of the input and the
 *  sum of `planes` planes. The arguments are scn_unet_create's. */
SCN_API scn_status scn_fully_convolutional_net_create(int32_t dimension, int64_t repetitions, const int64_t *planes,
                                                      int64_t levels, const scn_unet_options *options,
                                                      scn_module **module);
/** Create the same with a linear layer to `classes` planes (-1: planes[0]) at each level, behind a batch norm with
 *  ReLU: the scores are copied up by un-pooling and added, so that the levels need not be joined. Only the coarsest has
 *  a bias. */
SCN_API scn_status scn_fully_convolutional_integrated_linear_create(int32_t dimension, int64_t repetitions,
                                                                    const int64_t *planes, int64_t levels,
                                                                    int64_t classes, const scn_unet_options *options,
                                                                    scn_module **module);

/** Options of multiscale shape contexts. */
typedef struct scn_multiscale_shape_context_options {
    size_t struct_size;                /**< Set by the _INIT macro. */
    int64_t planes;                    /**< Of the input; 1. */
    int64_t layers;                    /**< Levels, the sites' own included, 1 ... 64; 3. */
    const int64_t *filter_size;        /**< [dimension], of every level, or NULL for threes. */
    const int64_t *downsample_size;    /**< [dimension], or NULL for twos. */
    const int64_t *downsample_stride;  /**< [dimension], or NULL for twos. */
    int32_t batch_norm;                /**< Whether a batch normalization follows; 1. */
} scn_multiscale_shape_context_options;
/** The defaults of scn_multiscale_shape_context_options. */
#define SCN_MULTISCALE_SHAPE_CONTEXT_OPTIONS_INIT \
    {sizeof(scn_multiscale_shape_context_options), 1, 3, NULL, NULL, NULL, 1}

/** Create SparseConvNet's multiscale shape context: the shape contexts of the sites and of coarser levels, made by
 *  average pooling and brought back by un-pooling, side by side: layers * volume * planes planes on the same sites.
 *  options: NULL for the defaults. Also SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_multiscale_shape_context_create(int32_t dimension,
                                                       const scn_multiscale_shape_context_options *options,
                                                       scn_module **module);

/* ======================================================================================================= Optimizers */

/** Options of stochastic gradient descent. */
typedef struct scn_sgd_options {
    size_t struct_size;    /**< Set by the _INIT macro. */
    double learning_rate;  /**< >= 0; 0.01. */
    double momentum;       /**< >= 0; 0. */
    double dampening;      /**< 0. */
    double weight_decay;   /**< >= 0; 0. */
    int32_t nesterov;      /**< 0; needs momentum > 0 and dampening 0. */
} scn_sgd_options;
/** The defaults of scn_sgd_options. */
#define SCN_SGD_OPTIONS_INIT {sizeof(scn_sgd_options), 0.01, 0.0, 0.0, 0.0, 0}

/** Options of Adam and AdamW. */
typedef struct scn_adam_options {
    size_t struct_size;    /**< Set by the _INIT macro. */
    double learning_rate;  /**< >= 0; 0.001. */
    double beta1;          /**< 0 ... 1, below 1; 0.9. */
    double beta2;          /**< 0 ... 1, below 1; 0.999. */
    double epsilon;        /**< 0, or FLT_MIN ... FLT_MAX; 1e-8. */
    double weight_decay;   /**< >= 0; 0. */
    int32_t decoupled;     /**< 1: AdamW, the decay acts on the parameters; 0: it is added to the gradients. */
} scn_adam_options;
/** The defaults of scn_adam_options. */
#define SCN_ADAM_OPTIONS_INIT {sizeof(scn_adam_options), 0.001, 0.9, 0.999, 1e-8, 0.0, 0}

/** Create stochastic gradient descent over parameters. parameters: [count] dense tensors, at least one, retained, no
 *  two the same.
 *  g = gradient + weight_decay * p; v = momentum * v + (1 - dampening) * g, v = g in the first step;
 *  p -= learning_rate * (nesterov ? g + momentum * v : v). */
SCN_API scn_status scn_sgd_create(scn_tensor *const *parameters, int64_t count, const scn_sgd_options *options,
                                  scn_optimizer **optimizer);
/** Create Adam (Kingma and Ba, 2015) or AdamW (Loshchilov and Hutter, 2019) over parameters. */
SCN_API scn_status scn_adam_create(scn_tensor *const *parameters, int64_t count, const scn_adam_options *options,
                                   scn_optimizer **optimizer);
/** Update every parameter that has a gradient. */
SCN_API scn_status scn_optimizer_step(scn_optimizer *optimizer);
/** Forget the gradients of the parameters. */
SCN_API scn_status scn_optimizer_zero_gradients(scn_optimizer *optimizer);
/** Store the learning rate of the following steps. */
SCN_API scn_status scn_optimizer_get_learning_rate(scn_optimizer *optimizer, double *rate);
/** Set the learning rate of the following steps, finite and >= 0. */
SCN_API scn_status scn_optimizer_set_learning_rate(scn_optimizer *optimizer, double rate);
/** Count one more owner of the handle. */
SCN_API scn_status scn_optimizer_retain(scn_optimizer *optimizer);
/** Release a handle; NULL does nothing. */
SCN_API scn_status scn_optimizer_release(scn_optimizer *optimizer);
/** Store initial_rate * exp(-decay * step), the learning rate that decays by the same factor each step (or epoch,
 *  whatever the caller counts). step: >= 0. A rate that is not finite is SCN_ERROR_INVALID_ARGUMENT. */
SCN_API scn_status scn_exponential_rate(double initial_rate, double decay, int64_t step, double *rate);
/** Store initial_rate * factor ^ (step / step_size), the quotient rounded down. factor: >= 0; step_size: >= 1. */
SCN_API scn_status scn_step_rate(double initial_rate, double factor, int64_t step_size, int64_t step, double *rate);
/** Store the learning rate of cosine decay (Loshchilov and Hutter, 2017) after a linear warm-up (Goyal et al., 2017):
 *  initial_rate * (step + 1) / (warm_up + 1) in the first warm_up steps, then half a cosine from initial_rate down to
 *  final_rate at step `steps` and ever after. steps: >= 1; warm_up: 0 ... steps - 1. */
SCN_API scn_status scn_cosine_rate(double initial_rate, double final_rate, int64_t steps, int64_t warm_up, int64_t step,
                                   double *rate);
/** Scale the gradients of all parameters together so that their Euclidean norm is at most max_norm; store the norm
 *  before. Where the norm is not finite, returns SCN_ERROR_STATE and changes nothing. norm: NULL where not wanted. */
SCN_API scn_status scn_clip_gradient_norm(scn_tensor *const *parameters, int64_t count, double max_norm, double *norm);

/** Store how many elements the gradients of parameters have as one flat array, for an all-reduce over processes, say:
 *  that of each parameter after that of the one before, row-major. A parameter that is listed twice has its place where
 *  it comes first; one that requires no gradient has none. parameters: [count], dense; NULL where count is 0. */
SCN_API scn_status scn_gradients_count(scn_tensor *const *parameters, int64_t count, int64_t *elements);
/** Copy these gradients into gradients[elements], elements as scn_gradients_count has it (else SCN_ERROR_SHAPE); zeros
 *  where a parameter has no gradient yet. */
SCN_API scn_status scn_gradients_get(scn_tensor *const *parameters, int64_t count, float *gradients, int64_t elements);
/** Overwrite these gradients with gradients[elements], borrowed; every parameter that has a place in them has a
 *  gradient then, so that optimizers step alike in all processes. Tensors that scn_tensor_gradient returned go on
 *  sharing theirs. */
SCN_API scn_status scn_gradients_set(scn_tensor *const *parameters, int64_t count, const float *gradients,
                                     int64_t elements);

/* ======================================================================================================== Checkpoints
 *
 * Files in the safetensors format. They hold the state under its names and, in the metadata, the architecture; with an
 * optimizer also its state and the generator's, so that a run goes on bit by bit as if never interrupted. Writing is
 * atomic: a crash leaves the old file or the new one, and what a killed save left beside it goes with the next save to
 * that folder. A write beyond the process's limit on the size of files is an error, without a SIGXFSZ.
 *
 * path: bytes, at least one and at most 4095, of any encoding; messages show those that are no UTF-8 in hexadecimal. It
 * names a regular file, or one that does not exist yet, itself or through symbolic links; else SCN_ERROR_FILE. Names
 * are UTF-8. */

/** Save a module and, where not NULL, its optimizer, whose parameters must all be the module's (else
 *  SCN_ERROR_INVALID_ARGUMENT). Also SCN_ERROR_FILE. */
SCN_API scn_status scn_checkpoint_save(const char *path, scn_module *module, scn_optimizer *optimizer);
/** Create the module that a file holds, in evaluation mode. The architecture's names and shapes are held against the
 *  file's before anything is allocated; no random number is drawn. Also SCN_ERROR_FILE, SCN_ERROR_FORMAT. */
SCN_API scn_status scn_checkpoint_open(const char *path, scn_module **module);
/** Load a file's state into a module of the same architecture and, where not NULL, into its optimizer (and then the
 *  generator's state too). Changes nothing where names or shapes differ (SCN_ERROR_FORMAT). Also SCN_ERROR_FILE. */
SCN_API scn_status scn_checkpoint_restore(const char *path, scn_module *module, scn_optimizer *optimizer);
/** Save tensors under names, for modules that a host wrote itself; no architecture. names: [count], no two the same.
 *  optimizer: NULL, or one over some of these tensors (others: SCN_ERROR_INVALID_ARGUMENT). */
SCN_API scn_status scn_checkpoint_save_named(const char *path, const char *const *names, scn_tensor *const *tensors,
                                             int64_t count, scn_optimizer *optimizer);
/** Load a file's tensors into tensors of the same names and shapes, as scn_checkpoint_restore does. */
SCN_API scn_status scn_checkpoint_restore_named(const char *path, const char *const *names, scn_tensor *const *tensors,
                                                int64_t count, scn_optimizer *optimizer);

/* =========================================================================== The functional level: geometry, rulebooks
 *
 * For a framework with its own autograd: geometry in, rulebook and the caller's buffers in, buffers out. */

/** A filter. Arrays are [dimension], borrowed; stride NULL: ones, padding NULL: zeros, dilation NULL: ones. */
typedef struct scn_filter {
    size_t struct_size;           /**< Set by the _INIT macro. */
    int32_t dimension;        /**< The number of axes, 1 ... SCN_MAX_DIMENSION. */
    const int64_t *size;      /**< Taps along each axis. */
    const int64_t *stride;    /**< Steps from window to window; NULL for ones. */
    const int64_t *padding;   /**< Sites before and behind the field; NULL for zeros. */
    const int64_t *dilation;  /**< Steps from tap to tap; NULL for ones. */
    int32_t rounds_down;      /**< 1: the last places of a field may lie under no window; 0: that is an error where
                               *   there is neither padding nor dilation. Of strided filters alone. */
} scn_filter;
/** The defaults of scn_filter. */
#define SCN_FILTER_INIT {sizeof(scn_filter), 0, NULL, NULL, NULL, NULL, 0}

/** Which input sites an output site reads under each filter offset k, on each axis: input * input_stride = output *
 *  output_stride + offsets[k]. A submanifold filter has offsets around 0, a strided one an output_stride, a transposed
 *  one an input_stride. */
typedef struct scn_relation {
    size_t struct_size;            /**< Set by the _INIT macro. */
    int32_t dimension;             /**< The number of axes, 1 ... SCN_MAX_DIMENSION. */
    int64_t volume;                /**< The number of offsets, 0 ... 262144. */
    const int64_t *offsets;        /**< [volume, dimension], in any order; see scn_filter_offsets. */
    const int64_t *input_stride;   /**< [dimension], each at least 1; NULL for ones. */
    const int64_t *output_stride;  /**< [dimension], each at least 1; NULL for ones. */
} scn_relation;
/** The defaults of scn_relation. */
#define SCN_RELATION_INIT {sizeof(scn_relation), 0, 0, NULL, NULL, NULL}

/** Store the offsets of a filter, [volume, dimension], and their number, for scn_relation. filter: its stride is not
 *  used. offsets: [capacity], NULL where capacity is 0, to ask for the volume alone. Also SCN_ERROR_SHAPE where they do
 *  not fit, SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_filter_offsets(const scn_filter *filter, scn_filter_shape shape, int64_t *offsets,
                                      int64_t capacity, int64_t *volume);

/** Create the geometry of an input: sorts its sites and keeps the way back to the rows. Its site set 0 holds them.
 *  coordinates: [rows, columns], columns dimension or dimension + 1 (batch index last). batch_size: a lower bound.
 *  Also SCN_ERROR_SHAPE, SCN_ERROR_COORDINATE, SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_geometry_create(int32_t dimension, const int64_t *spatial_size, const int64_t *coordinates,
                                       int64_t rows, int32_t columns, int64_t batch_size, scn_input_mode mode,
                                       scn_geometry **geometry);
/** Create the geometry of an input in any field; otherwise as scn_geometry_create. */
SCN_API scn_status scn_geometry_create_in_field(const scn_field *field, const int64_t *coordinates, int64_t rows,
                                                int32_t columns, int64_t batch_size, scn_input_mode mode,
                                                scn_geometry **geometry);
/** Create the geometry of samples of one length. coordinates: [batch_size, length, dimension]; a row whose first
 *  coordinate is negative is padding. Its rows, padding included, are batch_size * length. Also SCN_ERROR_SHAPE,
 *  SCN_ERROR_COORDINATE, SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_geometry_create_batched(int32_t dimension, const int64_t *spatial_size,
                                               const int64_t *coordinates, int64_t batch_size, int64_t length,
                                               scn_input_mode mode, scn_geometry **geometry);
/** Create the geometry of a dense array [batch_size, planes, ...spatial size], count elements: a site wherever some
 *  plane is not zero. scn_sparse_to_dense_backward of the array gives the sites' features, scn_sparse_to_dense_forward
 *  their gradient. Also SCN_ERROR_SHAPE, SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_geometry_create_dense(int32_t dimension, const int64_t *spatial_size, const float *data,
                                             int64_t batch_size, int64_t planes, int64_t count,
                                             scn_geometry **geometry);

/** What a voxel makes of the features of several points in it. */
typedef enum scn_voxel_reduction {
    SCN_VOXEL_SUM = 0,
    SCN_VOXEL_MEAN = 1,
    SCN_VOXEL_FIRST = 2,  /**< Those of the point that comes first. */
    SCN_VOXEL_LAST = 3,
    SCN_VOXEL_RANDOM = 4  /**< Those of one of the points, each as likely as any other. */
} scn_voxel_reduction;

/** Options of scn_voxelize. */
typedef struct scn_voxelize_options {
    size_t struct_size;             /**< Set by the _INIT macro. */
    scn_voxel_reduction reduction;  /**< SCN_VOXEL_MEAN. */
    const uint64_t *seed;           /**< Of SCN_VOXEL_RANDOM; NULL: the generator's next number. */
    const double *origin;           /**< [dimension], where voxel 0 begins; NULL: at the points' least coordinates. */
    const int64_t *batch;           /**< [rows], the sample of each point; NULL: there is one sample. */
    int64_t batch_size;             /**< A lower bound, for trailing samples without points; 0. */
    const int64_t *spatial_size;    /**< [dimension], that all voxels must lie in; NULL: the least that holds them. */
} scn_voxelize_options;
/** The defaults of scn_voxelize_options. */
#define SCN_VOXELIZE_OPTIONS_INIT {sizeof(scn_voxelize_options), SCN_VOXEL_MEAN, NULL, NULL, NULL, 0, NULL}

/** Create the geometry of points in space: that of point p is the site floor((p - origin) / voxel_size) on each axis,
 *  in double precision. Its site set 0 holds the voxels: scn_geometry_site_count and scn_geometry_coordinates give
 *  them, scn_input_forward and scn_input_backward combine the points' features, scn_geometry_row_sites is the way from
 *  points to voxels, and scn_sparse_create makes a network's input of it.
 *  points: [rows, dimension] of the given type, SCN_FLOAT32 or SCN_FLOAT64. voxel_size: [dimension], finite and
 *  above 0. Also SCN_ERROR_COORDINATE (a point that is not finite, below the origin or outside of the spatial size),
 *  SCN_ERROR_OVERFLOW, SCN_ERROR_SHAPE, SCN_ERROR_UNSUPPORTED (points of another type). */
SCN_API scn_status scn_voxelize(int32_t dimension, const void *points, scn_element_type type, int64_t rows,
                                const double *voxel_size, const scn_voxelize_options *options,
                                scn_geometry **geometry);
/** Count one more owner of the handle. */
SCN_API scn_status scn_geometry_retain(scn_geometry *geometry);
/** Release a handle; NULL does nothing. */
SCN_API scn_status scn_geometry_release(scn_geometry *geometry);
/** Store the number of coordinates of a site, the batch index not counted. */
SCN_API scn_status scn_geometry_dimension(scn_geometry *geometry, int32_t *dimension);
/** Store the number of samples. */
SCN_API scn_status scn_geometry_batch_size(scn_geometry *geometry, int64_t *batch_size);
/** Store the number of rows of the points that the geometry was made of. */
SCN_API scn_status scn_geometry_input_row_count(scn_geometry *geometry, int64_t *rows);
/** Store the site of each row of the points that the geometry was made of, -1 at padding, in sites[rows]; capacity:
 *  elements that fit there. Also SCN_ERROR_SHAPE where they do not fit. */
SCN_API scn_status scn_geometry_row_sites(scn_geometry *geometry, int64_t *sites, int64_t capacity);
/** Store how many of those rows fall on each site, in counts[sites of site set 0]; capacity: elements that fit there.
 *  Also SCN_ERROR_SHAPE where they do not fit. */
SCN_API scn_status scn_geometry_row_counts(scn_geometry *geometry, int64_t *counts, int64_t capacity);
/** Store the number of sites of a site set. */
SCN_API scn_status scn_geometry_site_count(scn_geometry *geometry, int32_t sites, int64_t *count);
/** Store the spatial size of a site set, [dimension]. */
SCN_API scn_status scn_geometry_spatial_size(scn_geometry *geometry, int32_t sites, int64_t *spatial_size);
/** Store where the field of a site set begins, lower[dimension], and whether it has no bounds, 1 or 0. */
SCN_API scn_status scn_geometry_field(scn_geometry *geometry, int32_t sites, int64_t *lower, int32_t *is_unbounded);
/** Store the coordinates of a site set, [sites, dimension + 1], batch index last; capacity: int64 elements that fit.
 *  Also SCN_ERROR_SHAPE where they do not fit. */
SCN_API scn_status scn_geometry_coordinates(scn_geometry *geometry, int32_t sites, int64_t *coordinates,
                                            int64_t capacity);
/** Find the site set of a spatial size. SCN_ERROR_STATE where there is none or more than one. */
SCN_API scn_status scn_geometry_find_sites(scn_geometry *geometry, const int64_t *spatial_size, int32_t *sites);
/** Return the rulebook of a submanifold convolution; made once, then shared. filter: no stride, no padding.
 *  Also SCN_ERROR_SHAPE, SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_geometry_submanifold(scn_geometry *geometry, int32_t sites, const scn_filter *filter,
                                            scn_rulebook **rulebook);
/** Return the rulebook of a permutohedral submanifold convolution; made once, then shared. */
SCN_API scn_status scn_geometry_permutohedral(scn_geometry *geometry, int32_t sites, scn_rulebook **rulebook);
/** Return the rulebook of a convolution or pooling and store its output site set; made once, then shared.
 *  Also SCN_ERROR_SHAPE, SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_geometry_strided(scn_geometry *geometry, int32_t sites, const scn_filter *filter,
                                        int32_t *output_sites, scn_rulebook **rulebook);
/** Return the rulebook of a full convolution, output = input * stride - padding + tap * dilation, and store its output
 *  site set; made once, then shared. Also SCN_ERROR_SHAPE, SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_geometry_full(scn_geometry *geometry, int32_t sites, const scn_filter *filter,
                                     int32_t *output_sites, scn_rulebook **rulebook);
/** Return the rulebook of a strided filter whose windows are displaced at random, see
 *  scn_randomized_stride_convolution_create, and store its output site set; drawn once, then shared. Where a stride is
 *  1, one input row may meet several output rows at one filter offset. Also SCN_ERROR_SHAPE, SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_geometry_randomized(scn_geometry *geometry, int32_t sites, const scn_filter *filter,
                                           int32_t *output_sites, scn_rulebook **rulebook);
/** Return the rulebook of a fractional pooling, see scn_fractional_max_pooling_create, and store its output site set.
 *  is_regular: 1 lays the windows as in evaluation; 0 draws them once, then they are shared. features_to_drop is
 *  ignored. Also SCN_ERROR_SHAPE, SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_geometry_fractional(scn_geometry *geometry, int32_t sites, const scn_fractional_options *options,
                                           int32_t is_regular, int32_t *output_sites, scn_rulebook **rulebook);
/** Return the rulebook of a deconvolution, the reverse of the strided one that led to `sites`, and store its output
 *  site set. SCN_ERROR_STATE where there was none. */
SCN_API scn_status scn_geometry_reverse(scn_geometry *geometry, int32_t sites, const scn_filter *filter,
                                        int32_t *output_sites, scn_rulebook **rulebook);

/** Store the site set of those sites whose byte in keep is not 0, in their order, and return the way to it: a rulebook
 *  of one filter offset that pairs each kept row with its new row; scn_shape_context_forward moves features along it.
 *  keep: [count], count the number of sites, else SCN_ERROR_SHAPE. */
SCN_API scn_status scn_geometry_subset(scn_geometry *geometry, int32_t sites, const uint8_t *keep, int64_t count,
                                       int32_t *output_sites, scn_rulebook **rulebook);

/** Take chosen sites into a geometry, those that come several times once, and store their site set; an equal one that
 *  is there already is it. field: of these sites; NULL: one without bounds. coordinates: [rows, columns], columns
 *  dimension or dimension + 1 (batch index last). Also SCN_ERROR_SHAPE, SCN_ERROR_COORDINATE, SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_geometry_add_sites(scn_geometry *geometry, const scn_field *field, const int64_t *coordinates,
                                          int64_t rows, int32_t columns, int32_t *sites);
/** Store the site set of floor(coordinate / stride) of each site, each once. stride: [dimension], each at least 1. Also
 *  SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_geometry_floor(scn_geometry *geometry, int32_t sites, const int64_t *stride,
                                      int32_t *output_sites);
/** What scn_geometry_combine makes of two site sets. */
typedef enum scn_site_combination {
    SCN_SITES_UNION = 0,
    SCN_SITES_INTERSECTION = 1,
    SCN_SITES_DIFFERENCE = 2  /**< The sites of the first that are not in the second. */
} scn_site_combination;
/** Combine two site sets of a geometry, of the same field or of fields one of which has no bounds, and store the site
 *  set of the result. Also SCN_ERROR_SHAPE, SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_geometry_combine(scn_geometry *geometry, int32_t a, int32_t b, scn_site_combination combination,
                                        int32_t *output_sites);
/** What two numbers become. */
typedef enum scn_arithmetic {
    SCN_ARITHMETIC_ADD = 0,
    SCN_ARITHMETIC_SUBTRACT = 1,
    SCN_ARITHMETIC_MULTIPLY = 2,
    SCN_ARITHMETIC_DIVIDE = 3
} scn_arithmetic;
/** Return the sum, difference, product or quotient of two sparse tensors of as many planes, with gradients; their sites
 *  may differ. sites: SCN_SITES_UNION: a tensor is zero where it has no site, so that a quotient may be infinite or NaN
 *  there; SCN_SITES_INTERSECTION: the sites of both. Fields and batch sizes as in scn_geometry_combine. The result is
 *  on a's geometry. Also SCN_ERROR_SHAPE, SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_combine_sparse(scn_tensor *a, scn_tensor *b, scn_arithmetic operation,
                                      scn_site_combination sites, scn_tensor **result);
/** Store the row in a site set of each of some coordinates, in any order, -1 where no site is. coordinates: [count,
 *  columns], columns dimension or dimension + 1 (batch index last); rows: [count]. Also SCN_ERROR_SHAPE. */
SCN_API scn_status scn_geometry_find_rows(scn_geometry *geometry, int32_t sites, const int64_t *coordinates,
                                          int64_t count, int32_t columns, int64_t *rows);
/** Store the row in another site set, which may be of another geometry, of each site of a site set, -1 where it is not
 *  there, in rows[sites of the first]. The fields are the same, or one has no bounds. Also SCN_ERROR_SHAPE. */
SCN_API scn_status scn_geometry_match_sites(scn_geometry *geometry, int32_t sites, scn_geometry *other_geometry,
                                            int32_t other_sites, int64_t *rows, int64_t capacity);
/** Return the rulebook from one site set of a geometry to another; made once, then shared. The way to a convolution, a
 *  pooling or, reversed, a transposed one onto sites of one's choice. Also SCN_ERROR_SHAPE, SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_geometry_between(scn_geometry *geometry, int32_t input_sites, int32_t output_sites,
                                        const scn_relation *relation, scn_rulebook **rulebook);
/** Return the rulebook to all sites that some input site is related to, and store their site set; made once, then
 *  shared. Their field is the input's, times input_stride and divided by output_stride; what would be outside is left
 *  out. Also SCN_ERROR_SHAPE, SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_geometry_covering(scn_geometry *geometry, int32_t sites, const scn_relation *relation,
                                         int32_t *output_sites, scn_rulebook **rulebook);

/** Return the rulebook from sites to points between them: under filter offset k, one of the 2^dimension corners in
 *  row-major order, a point reads the site floor(point) + corner where that is active. points: [rows, dimension] of the
 *  given type, SCN_FLOAT32 or SCN_FLOAT64, in units of the coordinates; batch: [rows], the sample of each point, or
 *  NULL for the first. Also SCN_ERROR_COORDINATE (a point that is not finite), SCN_ERROR_OVERFLOW,
 *  SCN_ERROR_UNSUPPORTED. */
SCN_API scn_status scn_geometry_interpolation(scn_geometry *geometry, int32_t sites, const void *points,
                                              scn_element_type type, int64_t rows, const int64_t *batch,
                                              scn_rulebook **rulebook);

/** Count one more owner of the handle. */
SCN_API scn_status scn_rulebook_retain(scn_rulebook *rulebook);
/** Release a handle; NULL does nothing. */
SCN_API scn_status scn_rulebook_release(scn_rulebook *rulebook);
/** Store the number of filter offsets, of rules, of input rows and of output rows; NULL where not wanted. */
SCN_API scn_status scn_rulebook_sizes(scn_rulebook *rulebook, int64_t *volume, int64_t *rules, int64_t *input_rows,
                                      int64_t *output_rows);
/** Return the rules: those of filter offset k are offsets[k] ... offsets[k + 1] - 1; offsets [volume + 1], input_rows
 *  and output_rows [rules]. The pointers are valid while the handle lives; not to be written. */
SCN_API scn_status scn_rulebook_rules(scn_rulebook *rulebook, const int64_t **offsets, const int32_t **input_rows,
                                      const int32_t **output_rows);
/** Return the same rules with input and output exchanged: no copy. */
SCN_API scn_status scn_rulebook_reversed(scn_rulebook *rulebook, scn_rulebook **reversed);

/** Options of scn_voxelize_in_order. */
typedef struct scn_voxelize_in_order_options {
    size_t struct_size;           /**< Set by the _INIT macro. */
    const double *origin;         /**< [dimension], where voxel 0 begins; NULL: at the points' least coordinates. */
    const int64_t *spatial_size;  /**< [dimension], that voxels must lie in; NULL: no limit. */
    const int64_t *batch;         /**< [rows], the sample of each point; NULL: there is one sample. */
    int64_t max_voxels;           /**< Of each sample, those that points enter first; -1: no limit. */
    int32_t drop_outside;         /**< 1: points that are not finite or outside are left out; 0: they are errors. */
} scn_voxelize_in_order_options;
/** The defaults of scn_voxelize_in_order_options. */
#define SCN_VOXELIZE_IN_ORDER_OPTIONS_INIT {sizeof(scn_voxelize_in_order_options), NULL, NULL, NULL, -1, 0}

/** Sort points into voxels as scn_voxelize does, but number these in the order in which points first enter them, up to
 *  a limit, as detectors want them. With voxel_of_point, scn_segment_pad_forward makes the features of voxels, and
 *  scn_segment_reduce_forward means and maxima.
 *  points, type, rows, voxel_size: as of scn_voxelize. voxel_of_point: [rows], -1 for points that were left out or lie
 *  in a voxel beyond the limit; place_of_point: [rows], how many points of its voxel come before, -1 as above;
 *  coordinates: [voxels, dimension + 1], batch index last, capacity: int64 elements that fit there (else
 *  SCN_ERROR_SHAPE); each NULL where not wanted. voxels: their number, at most rows. Also the errors of
 *  scn_voxelize. */
SCN_API scn_status scn_voxelize_in_order(int32_t dimension, const void *points, scn_element_type type, int64_t rows,
                                         const double *voxel_size, const scn_voxelize_in_order_options *options,
                                         int64_t *voxel_of_point, int64_t *place_of_point, int64_t *coordinates,
                                         int64_t capacity, int64_t *voxels);

/* ========================================================================= The functional level: buffers to buffers */

/** A row-major matrix in the caller's memory. Functions write only the elements of those that are called results. Where
 *  a matrix is of another type than SCN_FLOAT32 and the function does not say that it takes that, or its rows are not
 *  planes elements apart, functions return SCN_ERROR_UNSUPPORTED; later versions may take more. */
typedef struct scn_matrix {
    size_t struct_size;     /**< Set by SCN_MATRIX and SCN_MATRIX_INIT. */
    scn_element_type type;  /**< Of the elements; SCN_FLOAT32 in most functions. */
    void *data;             /**< [rows, planes], aligned as its elements are; may be NULL where rows or planes is 0. */
    int64_t rows;           /**< Sites, points or samples. */
    int64_t planes;         /**< Elements of a row. */
    int64_t row_stride;     /**< Elements from the beginning of a row to that of the next; 0 stands for planes. */
} scn_matrix;
/** A matrix without rows, to fill in. */
#define SCN_MATRIX_INIT {sizeof(scn_matrix), SCN_FLOAT32, NULL, 0, 0, 0}
#ifdef __cplusplus
/** The matrix of float32 at an address, its rows without gaps: scn_matrix features = SCN_MATRIX(values, 100, 3). */
#define SCN_MATRIX(data, rows, planes)                                                                \
    (scn_matrix{sizeof(scn_matrix), SCN_FLOAT32, const_cast<void *>(static_cast<const void *>(data)), \
                static_cast<int64_t>(rows), static_cast<int64_t>(planes), 0})
#else
/** The matrix of float32 at an address, its rows without gaps: scn_matrix features = SCN_MATRIX(values, 100, 3). It has
 *  an address of its own, and lives as long as a variable of the block: scn_add_forward(&SCN_MATRIX(a, 2, 3), ...). */
#define SCN_MATRIX(data, rows, planes) \
    ((scn_matrix){sizeof(scn_matrix), SCN_FLOAT32, (void *)(data), (rows), (planes), 0})
#endif

/** Create a dense tensor of the given shape, its content undefined: memory for the results of these functions, which
 *  scn_tensor_data has the address of. Where it is 1 MB or more, the library gives memory that it has at hand, which
 *  costs less than the system's. Also SCN_ERROR_OVERFLOW, SCN_ERROR_SHAPE (a negative size). */
SCN_API scn_status scn_tensor_allocate(const int64_t *shape, int32_t rank, scn_tensor **tensor);

/** Combine the points' features at each site; sums and means are added in double. features [input rows, planes]; result
 *  [sites, planes]. In these four functions matrices may be SCN_BFLOAT16: what is added up is rounded once.
 *  SCN_ERROR_SHAPE, SCN_ERROR_UNSUPPORTED. */
SCN_API scn_status scn_input_forward(scn_geometry *geometry, const scn_matrix *features, scn_matrix *result);
/** gradient [sites, planes]; result: by the features, [input rows, planes]. */
SCN_API scn_status scn_input_backward(scn_geometry *geometry, const scn_matrix *gradient, scn_matrix *result);
/** Give each point its site's vector. features [sites, planes]; result [input rows, planes]. */
SCN_API scn_status scn_output_forward(scn_geometry *geometry, const scn_matrix *features, scn_matrix *result);
/** gradient [input rows, planes]; result: by the features, [sites, planes]. */
SCN_API scn_status scn_output_backward(scn_geometry *geometry, const scn_matrix *gradient, scn_matrix *result);

/** Convolve: result[o] = bias + sum over the rules (i, o) of offset k of input[i] * weight[k].
 *  input [rulebook's input rows, in]; weight [volume, groups, in / groups, out / groups]; bias [out] or NULL;
 *  result [rulebook's output rows, out]. One function serves submanifold, strided and (reversed) deconvolution. In
 *  these three functions, matrices may be SCN_BFLOAT16: where the input (the gradient) is, the weight is rounded to
 *  bfloat16 too, and products are added up in float32; parameters and their gradients are float32. SCN_ERROR_SHAPE,
 *  SCN_ERROR_UNSUPPORTED. */
SCN_API scn_status scn_convolution_forward(scn_rulebook *rulebook, const scn_matrix *input, const float *weight,
                                           const float *bias, int64_t groups, scn_matrix *result);
/** gradient [output rows, out]; result: by the input, [input rows, in]. */
SCN_API scn_status scn_convolution_backward_input(scn_rulebook *rulebook, const scn_matrix *gradient,
                                                  const float *weight, int64_t groups, scn_matrix *result);
/** input [input rows, in]; gradient [output rows, out]. weight_result: overwritten with the gradient by the weight,
 *  shaped as it is; bias_result: [out]; each NULL where not wanted. */
SCN_API scn_status scn_convolution_backward_weight(scn_rulebook *rulebook, const scn_matrix *input,
                                                   const scn_matrix *gradient, int64_t groups, float *weight_result,
                                                   float *bias_result);

/** The order of a convolution's weight in memory. */
typedef enum scn_weight_layout {
    SCN_WEIGHT_OFFSETS_FIRST = 0, /**< [volume, groups, in / groups, out / groups], the library's own. */
    SCN_WEIGHT_OUTPUTS_FIRST = 1  /**< [out, volume, in / groups], as in spconv 2. */
} scn_weight_layout;

/** The same as scn_convolution_forward with a weight of some layout, which is read where it is if groups is 1. */
SCN_API scn_status scn_convolution_forward_in_layout(scn_rulebook *rulebook, const scn_matrix *input,
                                                     const float *weight, scn_weight_layout layout, const float *bias,
                                                     int64_t groups, scn_matrix *result);
/** The same as scn_convolution_backward_input with a weight of some layout. */
SCN_API scn_status scn_convolution_backward_input_in_layout(scn_rulebook *rulebook, const scn_matrix *gradient,
                                                            const float *weight, scn_weight_layout layout,
                                                            int64_t groups, scn_matrix *result);
/** The same as scn_convolution_backward_weight with weight_result in some layout. */
SCN_API scn_status scn_convolution_backward_weight_in_layout(scn_rulebook *rulebook, const scn_matrix *input,
                                                             const scn_matrix *gradient, scn_weight_layout layout,
                                                             int64_t groups, float *weight_result,
                                                             float *bias_result);

/** Put the features under each filter offset side by side. input [input rows, planes]; result [output rows, volume *
 *  planes], plane k * planes + p being plane p under offset k, 0 where no site is. SCN_ERROR_SHAPE. */
SCN_API scn_status scn_shape_context_forward(scn_rulebook *rulebook, const scn_matrix *input, scn_matrix *result);
/** gradient [output rows, volume * planes]; result: by the input, [input rows, planes]. */
SCN_API scn_status scn_shape_context_backward(scn_rulebook *rulebook, const scn_matrix *gradient, scn_matrix *result);

/** Max pooling, as scn_max_pooling_create: NaN is larger than all numbers. input [input rows, planes]; result [output
 *  rows, planes - features_to_drop]. In this and the five functions below matrices may be SCN_BFLOAT16: what is
 *  computed in float32 is rounded once. */
SCN_API scn_status scn_max_pooling_forward(scn_rulebook *rulebook, const scn_matrix *input, int64_t features_to_drop,
                                           scn_matrix *result);
/** input and output: of the forward pass; gradient: shaped as output; result: by the input. */
SCN_API scn_status scn_max_pooling_backward(scn_rulebook *rulebook, const scn_matrix *input, const scn_matrix *output,
                                            const scn_matrix *gradient, int64_t features_to_drop, scn_matrix *result);

/** Average pooling: sums divided by the rulebook's volume. input [input rows, planes]; result [output rows, planes -
 *  features_to_drop]. */
SCN_API scn_status scn_average_pooling_forward(scn_rulebook *rulebook, const scn_matrix *input,
                                               int64_t features_to_drop, scn_matrix *result);
/** gradient [output rows, planes - features_to_drop]; result: by the input, [input rows, planes]. */
SCN_API scn_status scn_average_pooling_backward(scn_rulebook *rulebook, const scn_matrix *gradient,
                                                int64_t features_to_drop, scn_matrix *result);
/** Un-pooling: plain sums over a rulebook of scn_geometry_reverse. Shapes as in scn_average_pooling_forward. */
SCN_API scn_status scn_unpooling_forward(scn_rulebook *rulebook, const scn_matrix *input, int64_t features_to_drop,
                                         scn_matrix *result);
/** Shapes as in scn_average_pooling_backward. */
SCN_API scn_status scn_unpooling_backward(scn_rulebook *rulebook, const scn_matrix *gradient, int64_t features_to_drop,
                                          scn_matrix *result);
/** Pool over any rulebook. input [input rows, planes]; result [output rows, planes]. Sums are added in double.
 *  SCN_ERROR_SHAPE. */
SCN_API scn_status scn_pooling_forward(scn_rulebook *rulebook, scn_pooling pooling, const scn_matrix *input,
                                       scn_matrix *result);
/** input and output: of the forward pass, read by the maxima alone, whose gradient goes to every input that equals the
 *  output; gradient: shaped as output; result: by the input, [input rows, planes]. */
SCN_API scn_status scn_pooling_backward(scn_rulebook *rulebook, scn_pooling pooling, const scn_matrix *input,
                                        const scn_matrix *output, const scn_matrix *gradient, scn_matrix *result);
/** Add up over a rulebook: result[o] = the sum over the rules (i, o) of every offset of weights[rule] * input[i], added
 *  in double. weights: a matrix of as many elements as rules, in their order; input [input rows, planes]; result
 *  [output rows, planes]. With the weights of an interpolation, values at points; over the reversed rulebook, those of
 *  points splatted on sites. SCN_ERROR_SHAPE. */
SCN_API scn_status scn_weighted_sum_forward(scn_rulebook *rulebook, const scn_matrix *weights, const scn_matrix *input,
                                            scn_matrix *result);
/** gradient [output rows, planes]; result: by the input, [input rows, planes]. */
SCN_API scn_status scn_weighted_sum_backward_input(scn_rulebook *rulebook, const scn_matrix *weights,
                                                   const scn_matrix *gradient, scn_matrix *result);
/** result: by the weights, as many elements as rules. */
SCN_API scn_status scn_weighted_sum_backward_weights(scn_rulebook *rulebook, const scn_matrix *input,
                                                     const scn_matrix *gradient, scn_matrix *result);
/** The weights of a d-linear interpolation: of each rule of a rulebook of scn_geometry_interpolation, how near the
 *  point is to the site, 1 - |point - coordinate| on each axis, multiplied. points: [rows, dimension], those that the
 *  rulebook was made of; rescaled: 1 divides a point's weights by their sum, so that sites that are not there do not
 *  count. result: as many elements as rules. SCN_ERROR_SHAPE, SCN_ERROR_UNSUPPORTED. */
SCN_API scn_status scn_interpolation_weights(scn_rulebook *rulebook, const void *points, scn_element_type type,
                                             int64_t rows, int32_t dimension, int32_t rescaled, scn_matrix *result);
/** gradient: by the weights, as many elements as rules; result: by the points, a matrix of rows * dimension
 *  elements. */
SCN_API scn_status scn_interpolation_backward(scn_rulebook *rulebook, const void *points, scn_element_type type,
                                              int64_t rows, int32_t dimension, int32_t rescaled,
                                              const scn_matrix *gradient, scn_matrix *result);
/** Pool all sites of each sample. input [sites, planes]; result [batch, planes], zeros where there is no site. */
SCN_API scn_status scn_global_pooling_forward(scn_geometry *geometry, int32_t sites, scn_global_pooling pooling,
                                              const scn_matrix *input, scn_matrix *result);
/** input and output: of the forward pass; gradient: shaped as output; result: by the input. */
SCN_API scn_status scn_global_pooling_backward(scn_geometry *geometry, int32_t sites, scn_global_pooling pooling,
                                               const scn_matrix *input, const scn_matrix *output,
                                               const scn_matrix *gradient, scn_matrix *result);

/** Batch normalization in training, with (leaky) ReLU. input, result [n, planes]; weight, bias [planes] or NULL for
 *  ones and zeros; running_mean, running_variance [planes], updated, or both NULL; saved_mean, saved_inverse_deviation
 *  [planes], written for the backward pass. options->affine is ignored. In these four functions, matrices may be
 *  SCN_BFLOAT16: they are computed in float32 and rounded. SCN_ERROR_SHAPE, SCN_ERROR_UNSUPPORTED. */
SCN_API scn_status scn_batch_norm_forward_training(const scn_matrix *input, const float *weight, const float *bias,
                                                   float *running_mean, float *running_variance,
                                                   const scn_batch_norm_options *options, float *saved_mean,
                                                   float *saved_inverse_deviation, scn_matrix *result);
/** Batch normalization in evaluation, by the running statistics. */
SCN_API scn_status scn_batch_norm_forward_evaluation(const scn_matrix *input, const float *weight, const float *bias,
                                                     const float *running_mean, const float *running_variance,
                                                     const scn_batch_norm_options *options, scn_matrix *result);
/** Backward of the training pass. input, output: of the forward pass; gradient: shaped as output; result: by the input;
 *  weight_result, bias_result [planes], or NULL where not wanted. */
SCN_API scn_status scn_batch_norm_backward_training(const scn_matrix *input, const scn_matrix *output,
                                                    const scn_matrix *gradient, const float *weight,
                                                    const float *saved_mean, const float *saved_inverse_deviation,
                                                    const scn_batch_norm_options *options, float *weight_result,
                                                    float *bias_result, scn_matrix *result);
/** Backward of the evaluation pass: a row of result depends on that row alone. */
SCN_API scn_status scn_batch_norm_backward_evaluation(const scn_matrix *input, const scn_matrix *output,
                                                      const scn_matrix *gradient, const float *weight,
                                                      const float *running_mean, const float *running_variance,
                                                      const scn_batch_norm_options *options, float *weight_result,
                                                      float *bias_result, scn_matrix *result);

/** Mean-only batch normalization in training, with (leaky) ReLU. input, result [n, planes]; bias [planes] or NULL for
 *  zeros; running_mean [planes], updated, or NULL. momentum, leakiness: as in scn_batch_norm_options. */
SCN_API scn_status scn_mean_only_norm_forward_training(const scn_matrix *input, const float *bias, float *running_mean,
                                                       double momentum, double leakiness, scn_matrix *result);
/** The same in evaluation, by the running mean. */
SCN_API scn_status scn_mean_only_norm_forward_evaluation(const scn_matrix *input, const float *bias,
                                                         const float *running_mean, double leakiness,
                                                         scn_matrix *result);
/** output: of the forward pass; gradient: shaped as output; is_training: which pass it was, 1 or 0; result: by the
 *  input; bias_result [planes], or NULL where not wanted. */
SCN_API scn_status scn_mean_only_norm_backward(const scn_matrix *output, const scn_matrix *gradient,
                                               int32_t is_training, double leakiness, float *bias_result,
                                               scn_matrix *result);
/** Group normalization, as scn_group_norm_create, over a site set's samples. input, result [sites, planes]; weight,
 *  bias [planes] or NULL for ones and zeros; saved_mean, saved_inverse_deviation [samples that have sites, groups],
 *  written for the backward pass: no more rows than the batch has samples, nor than there are sites. Also
 *  SCN_ERROR_SHAPE, where groups does not divide the planes. */
SCN_API scn_status scn_group_norm_forward(scn_geometry *geometry, int32_t sites, const scn_matrix *input,
                                          const float *weight, const float *bias, int64_t groups, double epsilon,
                                          float *saved_mean, float *saved_inverse_deviation, scn_matrix *result);
/** input: of the forward pass; gradient [sites, planes]; result: by the input; weight_result, bias_result [planes], or
 *  NULL where not wanted. */
SCN_API scn_status scn_group_norm_backward(scn_geometry *geometry, int32_t sites, const scn_matrix *input,
                                           const scn_matrix *gradient, const float *weight, int64_t groups,
                                           const float *saved_mean, const float *saved_inverse_deviation,
                                           float *weight_result, float *bias_result, scn_matrix *result);

/** Multiply: result = input * weight + bias. input [n, in]; weight [in, out] or, where weight_is_transposed, [out, in];
 *  bias [out] or NULL; result [n, out]. NetworkInNetwork has the first form, Linear the second. In these three
 *  functions, matrices may be SCN_BFLOAT16, as in those of convolutions. */
SCN_API scn_status scn_linear_forward(const scn_matrix *input, const float *weight, int32_t weight_is_transposed,
                                      const float *bias, scn_matrix *result);
/** gradient [n, out]; result: by the input, [n, in]. */
SCN_API scn_status scn_linear_backward_input(const scn_matrix *gradient, const float *weight,
                                             int32_t weight_is_transposed, scn_matrix *result);
/** weight_result: overwritten with the gradient by the weight, shaped as it is; bias_result: [out]; each NULL where not
 *  wanted. */
SCN_API scn_status scn_linear_backward_weight(const scn_matrix *input, const scn_matrix *gradient,
                                              int32_t weight_is_transposed, float *weight_result, float *bias_result);

/** Add: result = a + b, of one shape; in place allowed. SCN_ERROR_SHAPE. */
SCN_API scn_status scn_add_forward(const scn_matrix *a, const scn_matrix *b, scn_matrix *result);
/** Put planes side by side. inputs: [count], at least one, all of one struct_size, each [n, its planes]; result [n, the
 *  sum of their planes]. Also SCN_ERROR_SHAPE, SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_join_forward(const scn_matrix *inputs, int64_t count, scn_matrix *result);
/** gradient: shaped as the forward result; results: [count], by each of the inputs, all of one struct_size. */
SCN_API scn_status scn_join_backward(const scn_matrix *gradient, const scn_matrix *results, int64_t count);

/** Write a site set's features into a dense array. input [sites, planes]; result [batch, planes, ...spatial size],
 *  count elements, overwritten. Also SCN_ERROR_SHAPE, SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_sparse_to_dense_forward(scn_geometry *geometry, int32_t sites, const scn_matrix *input,
                                               float *result, int64_t count);
/** gradient: shaped as the forward result; result: by the input, [sites, planes]. */
SCN_API scn_status scn_sparse_to_dense_backward(scn_geometry *geometry, int32_t sites, const float *gradient,
                                                int64_t count, scn_matrix *result);
/** Mean cross-entropy, as scn_cross_entropy. loss: 1 value; gradient_result: by the logits, [n, classes], or NULL. */
SCN_API scn_status scn_cross_entropy_forward(const scn_matrix *logits, const int64_t *labels,
                                             const float *class_weights, int64_t ignore_index, float *loss,
                                             scn_matrix *gradient_result);
/** Compare features on two site sets, as scn_compare_sparse. x, y: [sites, planes]. loss: 1 value; x_result, y_result:
 *  its gradients by x and y, or NULL where not wanted. SCN_ERROR_SHAPE. */
SCN_API scn_status scn_compare_sparse_forward(scn_geometry *x_geometry, int32_t x_sites, const scn_matrix *x,
                                              scn_geometry *y_geometry, int32_t y_sites, const scn_matrix *y,
                                              float *loss, scn_matrix *x_result, scn_matrix *y_result);
/** Mean logistic loss, as scn_binary_cross_entropy. targets: shaped as logits. loss: 1 value; gradient_result: by the
 *  logits, shaped as they are, or NULL. */
SCN_API scn_status scn_binary_cross_entropy_forward(const scn_matrix *logits, const float *targets, float *loss,
                                                    scn_matrix *gradient_result);

/* Segments, see scn_tensor_segment_reduce. segment_of_row: [rows], 0 ... segments - 1 or -1. */

/** Reduce the rows of each segment, zeros where there is none; sums and means are added in double. input [rows,
 *  planes]; result [segments, planes]. SCN_ERROR_SHAPE, SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_segment_reduce_forward(const int64_t *segment_of_row, scn_segment_reduction reduction,
                                              const scn_matrix *input, scn_matrix *result);
/** input [rows, planes] and output [segments, planes]: of the forward pass, NULL but for a maximum; gradient [segments,
 *  planes]; result: by the input, [rows, planes]. */
SCN_API scn_status scn_segment_reduce_backward(const int64_t *segment_of_row, scn_segment_reduction reduction,
                                               const scn_matrix *input, const scn_matrix *output,
                                               const scn_matrix *gradient, scn_matrix *result);
/** Softmax of each plane over the rows of a segment, zeros in rows without one. input, result [rows, planes]; in place
 *  allowed. SCN_ERROR_SHAPE, SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_segment_softmax_forward(const int64_t *segment_of_row, int64_t segments,
                                               const scn_matrix *input, scn_matrix *result);
/** output: of the forward pass; gradient: shaped as output; result: by the input, [rows, planes]; in place allowed. */
SCN_API scn_status scn_segment_softmax_backward(const int64_t *segment_of_row, int64_t segments,
                                                const scn_matrix *output, const scn_matrix *gradient,
                                                scn_matrix *result);
/** Give each row the vector of its segment, zeros where it has none. vectors [segments, planes]; result [rows, planes].
 *  The gradient by the vectors is the sum that scn_segment_reduce_forward makes of the result's, and the gradient of
 *  that sum is this. SCN_ERROR_SHAPE, SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_segment_gather_forward(const int64_t *segment_of_row, const scn_matrix *vectors,
                                              scn_matrix *result);
/** Put the first `most` rows of each segment side by side, in their order, with zeros behind them. input [rows,
 *  planes]; result [segments, most * planes]; counts: [segments], how many rows those are, or NULL. SCN_ERROR_SHAPE,
 *  SCN_ERROR_OVERFLOW. */
SCN_API scn_status scn_segment_pad_forward(const int64_t *segment_of_row, int64_t most, const scn_matrix *input,
                                           int64_t *counts, scn_matrix *result);
/** gradient [segments, most * planes]; result: by the input, [rows, planes]. */
SCN_API scn_status scn_segment_pad_backward(const int64_t *segment_of_row, int64_t most, const scn_matrix *gradient,
                                            scn_matrix *result);

#ifdef __cplusplus
}
#endif
#endif
