"""The param-count script: parameters and multiply-adds of the networks.

    python -m tfresnet.param_count                      # ResNet-18, 50 and 101 side by side
    python -m tfresnet.param_count resnet18             # one network by stage
    python -m tfresnet.param_count resnet20 plain20 --format csv
    python -m tfresnet.param_count --slides             # checks the slides' numbers

Multiply-adds are of one image at inference, in the paper's convention (`tfresnet.complexity`).
"""
