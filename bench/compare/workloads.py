"""What is measured: the rows of the comparison."""

import dataclasses
import fnmatch
import json
import pathlib

MODELS = pathlib.Path(__file__).resolve().parent.parent / "models"


@dataclasses.dataclass(frozen=True)
class Workload:
    """Steps of one model on one batch of random images in memory."""

    name: str
    model: str  # of bench/models
    mode: str  # "train" or "predict"
    batch: int
    title: str
    optimizer: str = ""  # "adam", or "momentum": SGD with 0.9; both at a rate of 0.001
    pixels: float = 1.0  # the images' largest value
    epoch_images: int = 0  # 0: an epoch says nothing here
    dtype: str = "float32"  # or "bfloat16": Keras' policy mixed_bfloat16, PyTorch's autocast

    @property
    def operations(self) -> float:
        """Of an image, in the formula of direct convolution: two a multiply-add; a gradient costs what forward does,
        one by the weights and one by the input, but for the first layer's input."""
        counts = json.loads((MODELS / "operations.json").read_text(encoding="utf-8"))[self.model]
        if self.mode == "predict":
            return 2.0 * counts["multiply_adds"]
        return 2.0 * (3 * counts["multiply_adds"] - counts["first_layer"])

    @property
    def epoch_steps(self) -> int:
        return self.epoch_images // self.batch


def training(name: str, model: str, batch: int, optimizer: str, title: str, **more: float) -> Workload:
    rule = {"adam": "Adam", "momentum": "SGD with momentum 0.9"}[optimizer]
    return Workload(name, model, "train", batch, f"train {title}, batch {batch}, {rule}", optimizer, **more)


def predictions(model: str, title: str) -> list[Workload]:
    return [Workload(f"predict-{model}-{batch}", model, "predict", batch, f"predict with {title}, batch {batch}")
            for batch in (1, 32)]


ROWS = [
    training("train-convnet", "convnet", 32, "adam", "the reference net, 150x150x3", pixels=255, epoch_images=2000),
    training("train-mnist", "mnist_convnet", 128, "adam", "Keras' MNIST convnet, 28x28x1", epoch_images=60000),
    training("train-resnet50", "resnet50", 16, "momentum", "ResNet50, 224x224x3, 1000 classes"),
    training("train-mobilenet_v2", "mobilenet_v2", 32, "momentum", "MobileNetV2, 224x224x3, 1000 classes"),
    *predictions("resnet50", "ResNet50"),
    *predictions("mobilenet_v2", "MobileNetV2"),
    training("train-lenet5-1", "lenet5", 1, "adam", "LeNet-5, 28x28x1"),
    training("train-lenet5-64", "lenet5", 64, "adam", "LeNet-5, 28x28x1", epoch_images=60000),
]
SHORT = ["train-convnet", "train-mnist", "train-lenet5-64", "predict-resnet50-1"]


def chosen(patterns: list[str], bfloat16: bool) -> list[Workload]:
    """The rows that fit one of the patterns, in the order of the list. Those in bfloat16 end in "-bf16" and are there
    when asked for."""
    rows = ROWS + [dataclasses.replace(row, name=row.name + "-bf16", title=row.title + ", bfloat16", dtype="bfloat16")
                   for row in ROWS]
    if patterns:
        for pattern in patterns:
            if not fnmatch.filter([row.name for row in rows], pattern):
                raise ValueError(f"no row is named {pattern}. There are: {' '.join(row.name for row in rows)}")
        rows = [row for row in rows if any(fnmatch.fnmatch(row.name, pattern) for pattern in patterns)]
        return [row for row in rows if bfloat16 or row.dtype == "float32" or row.name in patterns]
    return [row for row in rows if bfloat16 or row.dtype == "float32"]


def model_file(row: Workload, folder: pathlib.Path) -> pathlib.Path:
    """The model's config.json as all sides read it; in bfloat16, a copy below `folder` with that policy in its layers."""
    if row.dtype == "float32":
        return MODELS / f"{row.model}.json"
    text = (MODELS / f"{row.model}.json").read_text(encoding="utf-8")
    path = folder / f"{row.model}-{row.dtype}.json"
    path.write_text(text.replace('"config": {"name": "float32"}', f'"config": {{"name": "mixed_{row.dtype}"}}'),
                    encoding="utf-8")
    return path
