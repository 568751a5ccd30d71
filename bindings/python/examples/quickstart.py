import scn

scn.manual_seed(1)
network = scn.Sequential(
    scn.InputLayer(2, 16),  # dimension, spatial size
    scn.SubmanifoldConvolution(2, 1, 8, 3, False),  # dimension, planes in and out, filter size, bias
    scn.BatchNormReLU(8),
    scn.MaxPooling(2, 2, 2),
    scn.SparseToDense(2, 8),
    scn.Flatten(),
    scn.Linear(8 * 8 * 8, 2),
)
sites = [[4, 5, 0], [5, 6, 0], [9, 2, 1]]  # y, x, sample
features = [[1.0], [2.0], [3.0]]
labels = [0, 1]  # one for each sample

sgd = scn.SGD(network.parameters(), lr=0.01, momentum=0.9)
for step in range(10):
    sgd.zero_grad()
    loss = scn.cross_entropy(network([sites, features]), labels)
    loss.backward()
    sgd.step()
    print(f"step {step}: loss {loss.item():.4f}")
