"""SparseConvNet's pictures of points."""

import pathlib

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import scn
import scn.torch as st


@pytest.mark.parametrize("draw,faces", [(st.matplotlib_cubes, 6), (st.matplotlib_planes, 1)])
def test_pictures_of_matplotlib(draw, faces):
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    ax = Figure().add_subplot(projection="3d")
    positions, colors = torch.tensor([[1, 2, 3], [4, 2, 3]]), torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    draw(ax, positions, colors)
    (drawn,) = ax.collections
    corners = np.asarray(drawn._faces if hasattr(drawn, "_faces") else drawn._vec[:3].T).reshape(-1, 3)
    assert len(corners) == 2 * faces * 4
    spans = [0.5 if draw is st.matplotlib_cubes else 0, 0.5, 0.5]
    assert np.allclose(corners[: faces * 4].min(0), positions[0].numpy() - spans)
    assert np.allclose(corners[: faces * 4].max(0), positions[0].numpy() + spans)
    assert ax.get_xlim() == (0.5, 4.5) and ax.get_ylim() == (1.5, 2.5) and not ax.axison
    with pytest.raises(scn.ShapeError, match=r"^colors: has shape \[1, 3\], expected \[2, 3\]"):
        draw(ax, positions, colors[:1])
    with pytest.raises(TypeError, match="projection='3d'"):
        draw(Figure().add_subplot(), positions, colors)
    draw(ax, positions[:0], colors[:0])
    assert len(ax.collections) == 1


def test_files_of_polygons(tmp_path):
    colors = torch.tensor([[0.0, 0.5, 1.0], [1.0, 1.0, 1.0]])
    st.ply_scatter(str(tmp_path / "points"), torch.tensor([[1.0, 2.5, -3.0], [500000.5, 0.0, 0.0]]), colors)
    assert colors.tolist() == [[0.0, 0.5, 1.0], [1.0, 1.0, 1.0]]
    header, rows = pathlib.Path(tmp_path / "points.ply").read_text().split("end_header\n")
    assert header.startswith("ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\n")
    assert rows == "1 2.5 -3 0 127 255\n500000.5 0 0 255 255 255\n"
    plyfile = pytest.importorskip("plyfile", reason="plyfile is not installed")
    read = plyfile.PlyData.read(str(tmp_path / "points.ply"))["vertex"]
    assert read["y"].tolist() == [2.5, 0.0] and read["blue"].tolist() == [255, 255]
    st.ply_scatter(str(tmp_path / "empty"), torch.empty(0, 3), torch.empty(0, 3))
    assert "element vertex 0" in pathlib.Path(tmp_path / "empty.ply").read_text()
    with pytest.raises(scn.ShapeError, match=r"^rgb: has shape \[1, 3\]"):
        st.ply_scatter(str(tmp_path / "points"), torch.empty(0, 3), torch.zeros(1, 3))


def test_windows_of_visdom():
    class Visdom:
        def scatter(self, X, opts, win):
            self.shown = X, opts, win

    vis = Visdom()
    st.visdom_scatter(vis, torch.tensor([[1, 2, 3], [4, 5, 6]]), torch.tensor([[0.0, 0, 0], [2, 1, 2]]), title="t")
    points, options, window = vis.shown
    assert points.tolist() == [[1, 2, 3], [4, 5, 6]] and window == "3d"
    assert options["markercolor"].tolist() == [[0, 0, 0], [255, 127, 255]] and options["markersize"] == 3
    with pytest.raises(TypeError, match="^vis: is None, expected a visdom.Visdom: pip install visdom"):
        st.visdom_scatter(None, torch.empty(0, 3), torch.empty(0, 3))
