"""Compares a student's own residual unit or network with ours, and says what differs.

    python -m tfresnet.check_unit FILE.py               # the one thing that the file defines
    python -m tfresnet.check_unit FILE.py BasicBlock    # the one of this name
    python -m tfresnet.check_unit FILE.py resnet20 --against resnet20

FILE.py is run as a module; training belongs below `if __name__ == "__main__":`. What is compared is
a class of Keras layer or model, a function, or a Functional model. Its parameters are recognised by
their names: `...stride...`; `...filter...`, `...channel...`, `...planes...` (beginning with `in`:
those of the input); `...shape...` and `...class...` of a network; the first other one without a
default is the input tensor. A function may return the output, a layer or a model. For whatever
takes more, write `def unit(filters, strides)` around it.

- With a parameter for filters it is a unit. Tried: 64 to 64 channels with stride 1, 64 to 128 with
  stride 2. `--against bottleneck`: 256 to 256 and 64 to 256 with stride 1, 256 to 512 with 2. A
  unit that takes no strides is tried with the first alone.
- Without, it is a network, or a unit if its output is feature maps; one that changes the channels
  has stride 2, as in the paper. Open input: 32x32x3 and 10 classes.

Compared: output shape, layers with weights in the order of their calls, their strides, outputs for
the same weights (inference and training), gradients. Options A, B and C, a stride in either place
of a bottleneck, Keras' own padding, epsilon, momentum and biases, and a softmax are all right; an
epsilon or a momentum with which no network trains is not.

Exit status 0: the same; 1: something differs; 2: the file cannot be run.
"""
