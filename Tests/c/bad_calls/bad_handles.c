/* Every function that takes a handle refuses NULL, a released handle, one of another kind and what is no handle at
 * all. */
#include "bad_call.h"

static void bad_tensor_handles(void) {
    scn_tensor *pair[] = {dense, NULL};
    BAD_TENSOR("features", scn_points_create(where, 2, 3, handle, 0, &out_tensor));
    BAD_TENSOR("features", scn_points_create_batched(where, 1, 3, 2, handle, &out_tensor));
    BAD_TENSOR("sparse", scn_tensor_mask(handle, &out_tensor));
    BAD_TENSOR("table", scn_table_count(handle, &out_count));
    BAD_TENSOR("table", scn_table_tensor(handle, 0, &out_tensor));
    BAD_TENSOR("tensors", (pair[1] = handle, scn_table_create(pair, 2, &out_tensor)));
    BAD_TENSOR("tensor", scn_tensor_retain(handle));
    BAD_TENSOR("tensor", scn_tensor_release(handle));
    BAD_TENSOR("tensor", scn_tensor_kind(handle, &out_kind));
    BAD_TENSOR("tensor", scn_tensor_type(handle, &out_type));
    BAD_TENSOR("tensor", scn_tensor_rank(handle, &out_number));
    BAD_TENSOR("tensor", scn_tensor_shape(handle, out_sizes, 16));
    BAD_TENSOR("tensor", scn_tensor_data(handle, &out_data));
    BAD_TENSOR("tensor", scn_tensor_copy_from(handle, numbers, 6));
    BAD_TENSOR("tensor", scn_tensor_features(handle, &out_tensor));
    BAD_TENSOR("sparse", scn_tensor_with_features(handle, dense, &out_tensor));
    BAD_TENSOR("features", scn_tensor_with_features(sparse, handle, &out_tensor));
    BAD_TENSOR("sparse", scn_tensor_geometry(handle, &out_geometry, &out_number));
    BAD_TENSOR("features", scn_sparse_create(geometry, 0, handle, &out_tensor));
    BAD_TENSOR("tensor", scn_tensor_get_requires_gradient(handle, &out_number));
    BAD_TENSOR("tensor", scn_tensor_set_requires_gradient(handle, 1));
    BAD_TENSOR("tensor", scn_tensor_detach(handle, &out_tensor));
    BAD_TENSOR("tensor", scn_tensor_backward(handle, NULL, 0));
    BAD_TENSOR("tensor", scn_tensor_gradient(handle, &out_tensor));
    BAD_TENSOR("tensor", scn_tensor_zero_gradient(handle));
    BAD_TENSOR("a", scn_tensor_add(handle, dense, &out_tensor));
    BAD_TENSOR("b", scn_tensor_add(dense, handle, &out_tensor));
    BAD_TENSOR("a", scn_tensor_multiply(handle, dense, &out_tensor));
    BAD_TENSOR("b", scn_tensor_multiply(dense, handle, &out_tensor));
    BAD_TENSOR("tensor", scn_tensor_scale(handle, 2, &out_tensor));
    BAD_TENSOR("tensor", scn_tensor_sum(handle, &out_tensor));
    BAD_TENSOR("dense", scn_tensor_reshape(handle, two_by_three, 2, &out_tensor));
    BAD_TENSOR("tensors", (pair[1] = handle, scn_append_tensors(pair + 1, 1, &out_tensor)));
    BAD_TENSOR("x", scn_compare_sparse(handle, sparse, &out_tensor));
    BAD_TENSOR("y", scn_compare_sparse(sparse, handle, &out_tensor));
    BAD_TENSOR("input", scn_module_reweight(convolution, handle, &out_tensor));
    BAD_TENSOR("input", scn_module_rebias(convolution, handle, NULL));
    BAD_TENSOR("logits", scn_cross_entropy(handle, labels, 2, NULL, -100, &out_tensor));
    BAD_TENSOR("logits", scn_binary_cross_entropy(handle, numbers, 6, &out_tensor));
    BAD_TENSOR("input", scn_module_forward(convolution, handle, &out_tensor));
    BAD_TENSOR("input", scn_module_summary(convolution, handle, &out_text));
    BAD_TENSOR("parameters", (pair[1] = handle, scn_sgd_create(pair, 2, NULL, &out_optimizer)));
    BAD_TENSOR("parameters", (pair[1] = handle, scn_adam_create(pair, 2, NULL, &out_optimizer)));
    BAD_TENSOR("parameters", (pair[1] = handle, scn_clip_gradient_norm(pair, 2, 1, &out_rate)));
    BAD_TENSOR("parameters", (pair[1] = handle, scn_gradients_count(pair, 2, &out_count)));
    BAD_TENSOR("parameters", (pair[1] = handle, scn_gradients_get(pair, 2, numbers, 6)));
    BAD_TENSOR("parameters", (pair[1] = handle, scn_gradients_set(pair, 2, numbers, 6)));
}

static void bad_module_handles(void) {
    scn_module *pair[] = {convolution, NULL};
    BAD_MODULE("module", scn_module_forward(handle, sparse, &out_tensor));
    BAD_MODULE("module", scn_module_set_training(handle, 1));
    BAD_MODULE("module", scn_module_get_training(handle, &out_number));
    BAD_MODULE("module", scn_module_set_momentum(handle, 0.5));
    BAD_MODULE("module", scn_module_input_spatial_size(handle, 2, field, out_sizes));
    BAD_MODULE("module", scn_module_state_count(handle, &out_count));
    BAD_MODULE("module", scn_module_state(handle, 0, &out_text, &out_tensor, &out_number));
    BAD_MODULE("module", scn_module_zero_gradients(handle));
    BAD_MODULE("module", scn_module_type(handle, &out_text));
    BAD_MODULE("module", scn_module_architecture(handle, &out_text));
    BAD_MODULE("module", scn_module_description(handle, &out_text));
    BAD_MODULE("module", scn_module_optimize_for_inference(handle, &out_module));
    BAD_MODULE("module", scn_module_optimize_for_inference_in(handle, SCN_BFLOAT16, &out_module));
    BAD_MODULE("module", scn_module_summary(handle, sparse, &out_text));
    BAD_MODULE("module", scn_module_retain(handle));
    BAD_MODULE("module", scn_module_release(handle));
    BAD_MODULE("children", (pair[1] = handle, scn_sequential_create(pair, 2, &out_module)));
    BAD_MODULE("children", (pair[1] = handle, scn_checkpointed_sequential_create(pair, 2, &out_module)));
    BAD_MODULE("module", scn_module_reweight(handle, sparse, &out_tensor));
    BAD_MODULE("module", scn_module_rebias(handle, sparse, &out_tensor));
    BAD_MODULE("module", scn_module_add_spectral_norm(handle, 1, 1e-12, 1));
    BAD_MODULE("children", (pair[1] = handle, scn_concat_table_create(pair, 2, &out_module)));
    BAD_MODULE("container", scn_module_add(handle, convolution));
    BAD_MODULE("child", scn_module_add(sequential, handle));
    BAD_MODULE("module", scn_module_child_count(handle, &out_count));
    BAD_MODULE("module", scn_module_child(handle, 0, &out_module));
    BAD_MODULE("module", scn_checkpoint_save("/tmp/never-written", handle, NULL));
    BAD_MODULE("module", scn_checkpoint_restore("/tmp/never-read", handle, NULL));
}

static void bad_other_handles(void) {
    float out_loss = 0;
    scn_filter filter = filter_of(2, three, NULL);
    const char *name = "a";
    BAD_OPTIMIZER(scn_optimizer_step(handle));
    BAD_OPTIMIZER(scn_optimizer_zero_gradients(handle));
    BAD_OPTIMIZER(scn_optimizer_get_learning_rate(handle, &out_rate));
    BAD_OPTIMIZER(scn_optimizer_set_learning_rate(handle, 1));
    BAD_OPTIMIZER(scn_optimizer_retain(handle));
    BAD_OPTIMIZER(scn_optimizer_release(handle));
    BAD(HANDLE, "optimizer", scn_checkpoint_save("/tmp/never-written", sequential, released_optimizer));
    BAD(HANDLE, "optimizer", scn_checkpoint_restore("/tmp/never-read", sequential, (scn_optimizer *)dense));
    BAD(HANDLE, "optimizer", scn_checkpoint_save_named("/tmp/never", &name, &dense, 1, released_optimizer));
    BAD(HANDLE, "tensors", scn_checkpoint_save_named("/tmp/never", &name, &released_tensor, 1, NULL));
    BAD(HANDLE, "tensors", scn_checkpoint_restore_named("/tmp/never", &name, &released_tensor, 1, NULL));
    BAD_GEOMETRY(scn_sparse_create(handle, 0, dense, &out_tensor));
    BAD_GEOMETRY(scn_geometry_retain(handle));
    BAD_GEOMETRY(scn_geometry_release(handle));
    BAD_GEOMETRY(scn_geometry_dimension(handle, &out_number));
    BAD_GEOMETRY(scn_geometry_batch_size(handle, &out_count));
    BAD_GEOMETRY(scn_geometry_input_row_count(handle, &out_count));
    BAD_GEOMETRY(scn_geometry_site_count(handle, 0, &out_count));
    BAD_GEOMETRY(scn_geometry_spatial_size(handle, 0, out_sizes));
    BAD_GEOMETRY(scn_geometry_coordinates(handle, 0, out_sizes, 16));
    BAD_GEOMETRY(scn_geometry_find_sites(handle, field, &out_number));
    BAD_GEOMETRY(scn_geometry_submanifold(handle, 0, &filter, &out_rulebook));
    BAD_GEOMETRY(scn_geometry_strided(handle, 0, &filter, &out_number, &out_rulebook));
    BAD_GEOMETRY(scn_geometry_reverse(handle, 0, &filter, &out_number, &out_rulebook));
    scn_fractional_options windows = SCN_FRACTIONAL_OPTIONS_INIT;
    windows.output_size = two_by_three;
    BAD_GEOMETRY(scn_geometry_full(handle, 0, &filter, &out_number, &out_rulebook));
    BAD_GEOMETRY(scn_geometry_randomized(handle, 0, &filter, &out_number, &out_rulebook));
    BAD_GEOMETRY(scn_geometry_fractional(handle, 0, &windows, 0, &out_number, &out_rulebook));
    BAD_GEOMETRY(scn_global_pooling_forward(handle, 0, SCN_GLOBAL_SUM, &two_rows, &two_rows));
    BAD_GEOMETRY(scn_global_pooling_backward(handle, 0, SCN_GLOBAL_SUM, &two_rows, &two_rows, &two_rows, &two_rows));
    BAD_GEOMETRY(scn_geometry_row_sites(handle, out_sizes, 16));
    BAD_GEOMETRY(scn_geometry_row_counts(handle, out_sizes, 16));
    BAD_GEOMETRY(scn_geometry_permutohedral(handle, 0, &out_rulebook));
    BAD_GEOMETRY(scn_geometry_subset(handle, 0, kept, 2, &out_number, &out_rulebook));
    BAD_GEOMETRY(scn_input_forward(handle, &two_rows, &two_rows));
    BAD_GEOMETRY(scn_input_backward(handle, &two_rows, &two_rows));
    BAD_GEOMETRY(scn_output_forward(handle, &two_rows, &two_rows));
    BAD_GEOMETRY(scn_output_backward(handle, &two_rows, &two_rows));
    BAD_GEOMETRY(scn_sparse_to_dense_forward(handle, 0, &two_rows, numbers, 64));
    BAD_GEOMETRY(scn_sparse_to_dense_backward(handle, 0, numbers, 64, &two_rows));
    BAD_GEOMETRY(scn_group_norm_forward(handle, 0, &two_rows, NULL, NULL, 1, 1e-5, numbers, numbers, &two_rows));
    BAD_GEOMETRY(
        scn_group_norm_backward(handle, 0, &two_rows, &two_rows, NULL, 1, numbers, numbers, NULL, NULL, &two_rows));
    BAD_GEOMETRY(scn_compare_sparse_forward(handle, 0, &two_rows, geometry, 0, &two_rows, &out_loss, NULL, NULL));
    BAD_GEOMETRY(scn_compare_sparse_forward(geometry, 0, &two_rows, handle, 0, &two_rows, &out_loss, NULL, NULL));
    BAD_RULEBOOK(scn_rulebook_retain(handle));
    BAD_RULEBOOK(scn_rulebook_release(handle));
    BAD_RULEBOOK(scn_rulebook_sizes(handle, &out_count, NULL, NULL, NULL));
    BAD_RULEBOOK(scn_rulebook_rules(handle, &out_offsets, &out_inputs, &out_outputs));
    BAD_RULEBOOK(scn_rulebook_reversed(handle, &out_rulebook));
    BAD_RULEBOOK(scn_convolution_forward(handle, &two_rows, numbers, NULL, 1, &two_rows));
    BAD_RULEBOOK(scn_convolution_backward_input(handle, &two_rows, numbers, 1, &two_rows));
    BAD_RULEBOOK(scn_convolution_backward_weight(handle, &two_rows, &two_rows, 1, numbers, NULL));
    const scn_weight_layout layout = SCN_WEIGHT_OUTPUTS_FIRST;
    BAD_RULEBOOK(scn_convolution_forward_in_layout(handle, &two_rows, numbers, layout, NULL, 1, &two_rows));
    BAD_RULEBOOK(scn_convolution_backward_input_in_layout(handle, &two_rows, numbers, layout, 1, &two_rows));
    BAD_RULEBOOK(scn_convolution_backward_weight_in_layout(handle, &two_rows, &two_rows, layout, 1, numbers, NULL));
    BAD_RULEBOOK(scn_shape_context_forward(handle, &two_rows, &two_rows));
    BAD_RULEBOOK(scn_shape_context_backward(handle, &two_rows, &two_rows));
    BAD_RULEBOOK(scn_max_pooling_forward(handle, &two_rows, 0, &two_rows));
    BAD_RULEBOOK(scn_max_pooling_backward(handle, &two_rows, &two_rows, &two_rows, 0, &two_rows));
    BAD_RULEBOOK(scn_average_pooling_forward(handle, &two_rows, 0, &two_rows));
    BAD_RULEBOOK(scn_average_pooling_backward(handle, &two_rows, 0, &two_rows));
    BAD_RULEBOOK(scn_unpooling_forward(handle, &two_rows, 0, &two_rows));
    BAD_RULEBOOK(scn_unpooling_backward(handle, &two_rows, 0, &two_rows));
}

int main(void) {
    set_up();
    bad_tensor_handles();
    bad_module_handles();
    bad_other_handles();
    tear_down();
    return finish();
}
