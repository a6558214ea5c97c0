"""Compares a student's own unit, module or network with ours, and says what differs.

    python -m tfresnet.check_unit FILE.py               # the only definition in the file
    python -m tfresnet.check_unit FILE.py BasicBlock    # the definition with this name
    python -m tfresnet.check_unit FILE.py resnet20 --against resnet20
    python -m tfresnet.check_unit FILE.py inception --against inception
    python -m tfresnet.check_unit FILE.pth              # names and shapes of PyTorch's resnet18

FILE.py runs as a module; put training below `if __name__ == "__main__":`. The definition is a
class of Keras layer or model, a function, or a model. Its parameters are recognised by name:
`...stride...`; `...filter...`, `...channel...`, `...planes...`, `kernel_num` (of the input if it
starts with `in` or `last`); `...shape` and `...classes` of a network; `...downsample...`,
`...shortcut...`, `...residual...`, `...project...` and `...1x1...` with the default None or False,
which get a projection or True where the shape changes; the first other parameter without a default
is the input tensor. A function may return the output, a layer or a model. If yours takes more
parameters, wrap it in `def unit(filters, strides)`.

- With a parameter for filters it is a unit. Cases: 64 to 64 channels with stride 1, 64 to 128 with
  stride 2; for `--against bottleneck` 256 to 256 and 64 to 256 with stride 1, 256 to 512 with 2.
  A unit without strides is compared in the first case only.
- With `--against naive`, `inception` or `mlpconv` it is a module: its parameters without a default
  get the numbers of GoogLeNet's 3a in the order of the table (four: two of them are pairs), or of
  the second block of Network in Network. A state dict must be that of a network.
- Otherwise it is a network, or a unit if its output is feature maps; a unit that changes the
  channels has stride 2, as in the paper. An open input gets 32x32x3 and 10 classes.

The comparison covers the output shape, the layers with weights in the order of their calls, their
strides, the outputs for the same weights (inference and training) and the gradients. Options A, B
and C, the stride in either place of a bottleneck, Keras' own padding, epsilon, momentum and biases,
dropout, pixels scaled inside the network and a softmax are accepted; an epsilon or a momentum with
which no network trains is not.

Exit status 0: the same; 1: something differs; 2: the file cannot be run.
"""
