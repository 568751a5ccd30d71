import SparseConvNet

Generator.seed(1)
let network = try Sequential {
    try InputLayer(dimension: 2, spatialSize: 16)
    try SubmanifoldConvolution(dimension: 2, in: 1, out: 8, filterSize: 3)
    try BatchNormalization(planes: 8, leakiness: 0)
    try MaxPooling(dimension: 2, poolSize: 2, poolStride: 2)
    try SparseToDense(dimension: 2, planes: 8)
    Flatten()
    try Linear(in: 8 * 8 * 8, out: 2)
}
let sites = [[4, 5, 0], [5, 6, 0], [9, 2, 1]]  // y, x, sample
let features = try Tensor([1, 2, 3], shape: [3, 1])
let labels = [0, 1]  // one for each sample

let sgd = try SGD(network.parameters, learningRate: 0.01, momentum: 0.9)
for step in 0..<10 {
    sgd.zeroGradients()
    let logits = try network(Points(sites, features: features)).dense
    let loss = try Loss.crossEntropy(logits, labels: labels)
    try loss.backward()
    try sgd.step()
    let value = try (loss.item() * 10_000).rounded()
    print("step \(step): loss 0.\(String(Int(value) + 10_000).suffix(4))")
}
