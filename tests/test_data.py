"""MNIST where it is, the built-in digits where it is not, toy problems, batches."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from byhand import data, mnist

HAS_MNIST = data.digits("test").name == "MNIST"


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """byhand.data as in a new process, with nothing in the cache and no network."""
    monkeypatch.delenv("BYHAND_DATA", raising=False)
    monkeypatch.setenv("BYHAND_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    mnist.mnist_folder.cache_clear()
    data._arrays.cache_clear()
    yield tmp_path
    mnist.mnist_folder.cache_clear()
    data._arrays.cache_clear()


def write_mnist(root: Path, n: int = 20, seed: int = 0) -> None:
    """A tiny data set in MNIST's own file format."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    generator = torch.Generator().manual_seed(seed)
    for prefix in ("train", "t10k"):
        images = torch.randint(0, 256, (n, 28, 28), generator=generator)
        labels = torch.randint(0, 10, (n,), generator=generator)
        sizes = b"".join(size.to_bytes(4, "big") for size in (n, 28, 28))
        (raw / f"{prefix}-images-idx3-ubyte").write_bytes(
            bytes([0, 0, 8, 3]) + sizes + bytes(images.flatten().tolist())
        )
        (raw / f"{prefix}-labels-idx1-ubyte").write_bytes(
            bytes([0, 0, 8, 1]) + n.to_bytes(4, "big") + bytes(labels.tolist())
        )


@pytest.mark.parametrize(("split", "n"), [("train", 1437), ("test", 360)])
def test_offline_digits(fresh, capsys, split, n):
    digits = data.digits(split)
    assert digits.name == "digits"
    assert digits.images.shape == (n, 1, 28, 28) and digits.labels.shape == (n,)
    assert digits.images.dtype == torch.float32 and digits.labels.dtype == torch.int64
    assert digits.images.min() >= 0 and digits.images.max() <= 1
    assert set(digits.labels.tolist()) == set(range(10))
    assert "1,797 built-in digits" in capsys.readouterr().out


def test_offline_splits_do_not_overlap(fresh):
    rows = [data.digits(s).images.flatten(1) for s in ("train", "test")]
    assert torch.cdist(*rows).min() > 0


def test_notice_is_given_once(fresh, capsys):
    data.digits("train"), data.digits("test"), data.digits("test")
    assert capsys.readouterr().out.count("built-in digits") == 1


def test_byhand_data_without_mnist_is_an_error_that_says_what_to_do(fresh, monkeypatch):
    monkeypatch.setenv("BYHAND_DATA", str(fresh / "nothing"))
    with pytest.raises(
        data.DataNotFoundError, match=r"lacks .*train-images.*MNIST/raw"
    ):
        data.digits()


def test_damaged_file_is_refused(fresh, monkeypatch):
    write_mnist(fresh / "own")
    monkeypatch.setenv("BYHAND_DATA", str(fresh / "own"))
    with pytest.raises(data.DataNotFoundError, match="damaged file train-images"):
        data.digits()


def test_whether_mnist_is_there_can_be_asked_without_reading_it(fresh, monkeypatch):
    assert not mnist.is_there()
    write_mnist(fresh / "cache" / "byhand")
    assert mnist.is_there()
    monkeypatch.setenv("BYHAND_DATA", str(fresh / "own"))
    assert not mnist.is_there()
    write_mnist(fresh / "own")
    assert mnist.is_there()
    (fresh / "own/MNIST/raw/t10k-labels-idx1-ubyte").unlink()
    assert not mnist.is_there()


def test_only_the_folder_that_was_found_sound_is_not_looked_through(fresh, monkeypatch):
    write_mnist(fresh / "own")
    monkeypatch.setenv("BYHAND_DATA", str(fresh / "own"))
    monkeypatch.setenv(mnist.SOUND, str(fresh / "another"))
    with pytest.raises(data.DataNotFoundError, match="damaged file train-images"):
        data.digits()
    monkeypatch.setenv(mnist.SOUND, str(fresh / "own"))
    assert data.digits().name == "MNIST"


def test_what_a_parent_has_said_is_not_said_again(fresh, monkeypatch, capsys):
    monkeypatch.delenv("BYHAND_DATA", raising=False)
    monkeypatch.setenv("BYHAND_OFFLINE", "1")
    monkeypatch.setenv(mnist.SOUND, "")
    assert data.digits().name == "digits"
    assert capsys.readouterr().out == ""


def test_mnist_files_are_read_as_torchvision_lays_them_out(fresh, monkeypatch):
    write_mnist(fresh / "own")
    monkeypatch.setenv("BYHAND_DATA", str(fresh / "own"))
    monkeypatch.setattr(mnist, "_problem", lambda root: None)  # not the real bytes
    digits, pairs = data.digits("train"), data.dataset("train")
    assert digits.name == "MNIST" and len(digits) == len(pairs) == 20
    for i in (0, 19):
        image, label = pairs[i]
        assert torch.equal(image, digits.images[i]) and label == digits.labels[i]


@pytest.mark.skipif(not HAS_MNIST, reason="no MNIST on this machine")
def test_real_mnist():
    train, test = data.digits("train"), data.digits("test")
    assert train.images.shape == (60000, 1, 28, 28) and len(test) == 10000
    assert torch.bincount(train.labels).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949
    ]  # fmt: skip
    # the mean and deviation that are quoted everywhere
    assert train.images.mean().item() == pytest.approx(0.1307, abs=1e-4)
    assert train.images.std().item() == pytest.approx(0.3081, abs=1e-4)


def test_download_that_fails_falls_back(tmp_path):
    """A machine whose network refuses: a notice, then the built-in digits."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BYHAND")}
    environment |= {
        "XDG_CACHE_HOME": str(tmp_path),
        "https_proxy": "http://127.0.0.1:9",  # nothing listens there
        "http_proxy": "http://127.0.0.1:9",
    }
    code = "from byhand import data; print(data.digits('test').name)"
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] == "digits"
    assert "could not be downloaded" in run.stderr


def test_cache_is_used_without_network(fresh, monkeypatch):
    write_mnist(fresh / "cache" / "byhand")
    monkeypatch.setattr(
        mnist, "MNIST_MD5", {name: md5sum(fresh, name) for name in mnist.MNIST_MD5}
    )
    assert data.digits("test").name == "MNIST"
    shutil.rmtree(fresh / "cache")


def md5sum(root: Path, name: str) -> str:
    import hashlib

    path = root / "cache" / "byhand" / "MNIST" / "raw" / name
    return hashlib.md5(path.read_bytes()).hexdigest()


def test_dataset_and_tensors_hold_the_same_images():
    pairs, digits = data.dataset("test"), data.digits("test")
    images, labels = next(iter(DataLoader(pairs, batch_size=64)))
    assert torch.equal(labels, digits.labels[:64])
    torch.testing.assert_close(images, digits.images[:64], atol=1 / 255, rtol=0)


@pytest.mark.parametrize("function", [data.digits, data.dataset])
def test_unknown_split(function):
    with pytest.raises(ValueError, match="'train' or 'test', not 'validation'"):
        function("validation")


def test_batches_cover_everything_once():
    X, y = torch.arange(10.0), torch.arange(10)
    sizes = [len(a) for a, _ in data.batches(X, y, batch_size=4)]
    assert sizes == [4, 4, 2]
    generator = torch.Generator().manual_seed(1)
    shuffled = list(data.batches(X, y, batch_size=4, shuffle=True, generator=generator))
    assert all(torch.equal(a, b.float()) for a, b in shuffled)
    order = torch.cat([b for _, b in shuffled])
    assert order.tolist() != list(range(10)) and sorted(order) == list(range(10))
    assert len(list(data.batches(X, batch_size=4, drop_last=True))) == 2


def test_batches_refuse_bad_input():
    with pytest.raises(ValueError, match="different lengths: 3, 4"):
        next(data.batches(torch.ones(3), torch.ones(4), batch_size=1))
    with pytest.raises(ValueError, match="at least 1, not 0"):
        next(data.batches(torch.ones(3), batch_size=0))
    with pytest.raises(ValueError, match="at least one tensor"):
        next(data.batches(batch_size=2))


@pytest.mark.parametrize("name", data.TOY_SETS)
def test_toy_sets(name):
    X, y = data.toy(name, n=201, seed=3)
    assert X.shape == (201, 2) and X.dtype == torch.float32
    assert y.dtype == torch.int64 and torch.bincount(y).tolist() == [101, 100]
    assert X.abs().max() < 2
    again, _ = data.toy(name, n=201, seed=3)
    other, _ = data.toy(name, n=201, seed=4)
    assert torch.equal(X, again) and not torch.equal(X, other)


@pytest.mark.parametrize("name", data.TOY_SETS)
def test_toy_classes_are_separable_but_not_by_a_line(name):
    X, y = data.toy(name, n=400, noise=0)
    D = torch.cdist(X, X) + 10 * torch.eye(400)
    assert (y[D.argmin(1)] == y).float().mean() > 0.98  # nearest neighbour
    A = torch.cat([X, torch.ones(400, 1)], 1)
    w = torch.linalg.lstsq(A, (2.0 * y - 1).unsqueeze(1)).solution
    assert ((A @ w).squeeze() > 0).eq(y == 1).float().mean() < 0.9


def test_toy_refuses_bad_input():
    with pytest.raises(ValueError, match="choose from circles, xor"):
        data.toy("rings")
    with pytest.raises(ValueError, match="at least 2"):
        data.toy("moons", n=1)
    with pytest.raises(ValueError, match="standard deviation"):
        data.toy("moons", noise=-1)
