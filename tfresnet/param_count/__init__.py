"""The param-count script: parameters and multiply-adds of any of the networks.

    python -m tfresnet.param_count                      # ResNet-18, 50 and 101 side by side
    python -m tfresnet.param_count resnet18             # one network, with its stages
    python -m tfresnet.param_count resnet20 plain20 --format csv
    python -m tfresnet.param_count --slides             # every number of the lecture, checked

Multiply-adds are of one picture at inference, counted as the paper does (`tfresnet.complexity`).
"""
