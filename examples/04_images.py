"""四，可视化原始图像: pictures as they are."""

from sklearn.datasets import load_digits

from danlu import Board

# Handwritten digits that come with scikit-learn, 8 x 8 pixels in 16 levels of grey: nothing is downloaded.
images = load_digits().images[:50] / 16

with Board("./data/tensorboard") as board:
    board.image("images[0]", images[0])  # one picture
    board.grid("image_grid", images)  # many as one, with black lines between
    board.images("images", images)  # many side by side
