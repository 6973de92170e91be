"""optimizers/: eight steps on two variables with given gradients."""

import common
from common import keras, np

O = keras.optimizers
STEPS = 8


def write_all(folder):
    for name, make in cases():
        write_case(folder, name, make)


def write_case(folder, name, make):
    rng = common.start_case("optimizers/" + name)
    shapes = {"kernel": (3, 2), "bias": (2,)}
    variables = [keras.Variable(common.normal(rng, *shape), name=n) for n, shape in shapes.items()]
    gradients = [[common.normal(rng, *shape) for shape in shapes.values()] for _ in range(STEPS)]
    # Zero, tiny and large gradients find a misplaced epsilon.
    gradients[0][1][:] = [0, 1e-6]
    gradients[4][0][0, :] = [50, -1e-8]

    optimizer = make()
    config = common.serialize(optimizer)
    initial = [common.numpy(v) for v in variables]
    optimizer.build(variables)
    values = []
    for step in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in step], variables)
        values.append([common.numpy(v) for v in variables])
    slots = common.named_arrays(optimizer.variables)
    extra = {}
    if optimizer.use_ema:
        optimizer.finalize_variable_values(variables)
        extra = {"finalized": [common.numpy(v) for v in variables]}
    common.write(folder, name, {
        "optimizer": config,
        "names": list(shapes),
        "initial": initial,
        "gradients": gradients,
        "values": values,
        "slots": slots,
        **extra,
    })


def cases():
    yield "sgd", lambda: O.SGD()
    yield "sgd_momentum", lambda: O.SGD(0.1, momentum=0.9)
    yield "sgd_nesterov", lambda: O.SGD(0.1, momentum=0.9, nesterov=True)
    yield "sgd_weight_decay", lambda: O.SGD(0.1, momentum=0.5, weight_decay=0.02)
    yield "sgd_clipnorm", lambda: O.SGD(0.1, clipnorm=0.5)
    yield "sgd_clipvalue", lambda: O.SGD(0.1, clipvalue=0.25)
    yield "sgd_global_clipnorm", lambda: O.SGD(0.1, momentum=0.9, global_clipnorm=0.75)
    yield "sgd_ema", lambda: O.SGD(0.1, use_ema=True, ema_momentum=0.8)
    yield ("sgd_ema_overwrite",
           lambda: O.SGD(0.1, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=3))
    yield "sgd_gradient_accumulation", lambda: O.SGD(0.1, momentum=0.9, gradient_accumulation_steps=3)

    yield ("sgd_gradient_accumulation_decay_clipped",
           lambda: O.SGD(0.1, weight_decay=0.05, clipnorm=0.5, gradient_accumulation_steps=2))
    yield ("sgd_ema_gradient_accumulation",
           lambda: O.SGD(0.1, use_ema=True, ema_momentum=0.7, ema_overwrite_frequency=2,
                         gradient_accumulation_steps=3))
    yield ("adam_ema_overwrite_every_step",
           lambda: O.Adam(0.01, amsgrad=True, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=1))
    yield ("adam_gradient_accumulation",
           lambda: O.Adam(0.01, global_clipnorm=0.75, gradient_accumulation_steps=2))

    yield "rmsprop", lambda: O.RMSprop()
    yield "rmsprop_options", lambda: O.RMSprop(0.01, rho=0.7, epsilon=1e-3)
    yield "rmsprop_momentum", lambda: O.RMSprop(0.01, momentum=0.9)
    yield "rmsprop_centered", lambda: O.RMSprop(0.01, centered=True)
    yield ("rmsprop_centered_momentum_weight_decay",
           lambda: O.RMSprop(0.01, momentum=0.5, centered=True, weight_decay=0.01))
    yield "rmsprop_clipnorm", lambda: O.RMSprop(0.01, clipnorm=0.5)

    yield "adam", lambda: O.Adam()
    yield "adam_amsgrad", lambda: O.Adam(0.01, amsgrad=True)
    yield "adam_options", lambda: O.Adam(0.02, beta_1=0.8, beta_2=0.95, epsilon=1e-3)
    yield "adam_weight_decay", lambda: O.Adam(0.01, weight_decay=0.05)
    yield "adam_clipnorm", lambda: O.Adam(0.01, clipnorm=0.5)
    yield "adam_clipvalue", lambda: O.Adam(0.01, clipvalue=0.25)
    yield "adam_global_clipnorm", lambda: O.Adam(0.01, global_clipnorm=0.75)

    yield "adamw", lambda: O.AdamW()
    yield "adamw_options_amsgrad", lambda: O.AdamW(0.01, weight_decay=0.1, amsgrad=True)
    yield "adagrad", lambda: O.Adagrad()
    yield "adagrad_options", lambda: O.Adagrad(0.1, initial_accumulator_value=0.3, epsilon=1e-3)
    yield "adadelta", lambda: O.Adadelta()
    yield "adadelta_options", lambda: O.Adadelta(1.0, rho=0.8, epsilon=1e-4)
    yield "adamax", lambda: O.Adamax()
    yield "adamax_options", lambda: O.Adamax(0.02, beta_1=0.8, beta_2=0.95, epsilon=1e-3)
    yield "nadam", lambda: O.Nadam()
    yield "nadam_options", lambda: O.Nadam(0.02, beta_1=0.8, beta_2=0.95, epsilon=1e-3)
    yield "lion", lambda: O.Lion()
    yield "lion_options", lambda: O.Lion(0.01, beta_1=0.8, beta_2=0.9, weight_decay=0.1)

    for name, make in (("adagrad", O.Adagrad), ("adadelta", O.Adadelta), ("adamax", O.Adamax), ("nadam", O.Nadam),
                       ("lion", O.Lion), ("ftrl", O.Ftrl)):
        # What every optimizer takes, two or three options at a time.
        yield (f"{name}_clipnorm_decay",
               lambda make=make: make(0.02, clipnorm=0.5, weight_decay=0.03))
        yield (f"{name}_clipvalue_ema",
               lambda make=make: make(0.02, clipvalue=0.25, use_ema=True, ema_momentum=0.6,
                                      ema_overwrite_frequency=3))
        yield (f"{name}_global_clipnorm_accumulation",
               lambda make=make: make(0.02, global_clipnorm=0.75, gradient_accumulation_steps=2))
    yield ("adamw_clipped_ema_accumulation",
           lambda: O.AdamW(0.02, beta_1=0.8, beta_2=0.95, epsilon=1e-3, clipnorm=0.5, use_ema=True,
                           ema_momentum=0.6, ema_overwrite_frequency=2, gradient_accumulation_steps=2))
    yield "adamw_clipvalue", lambda: O.AdamW(0.02, clipvalue=0.25)
    yield "adamw_global_clipnorm", lambda: O.AdamW(0.02, global_clipnorm=0.75)
    yield ("rmsprop_clipvalue_ema_accumulation",
           lambda: O.RMSprop(0.02, clipvalue=0.25, use_ema=True, ema_momentum=0.6, ema_overwrite_frequency=2,
                             gradient_accumulation_steps=2))
    yield "rmsprop_global_clipnorm", lambda: O.RMSprop(0.02, global_clipnorm=0.75)
    yield "ftrl", lambda: O.Ftrl()
    yield ("ftrl_options",
           lambda: O.Ftrl(0.1, initial_accumulator_value=0.3, l1_regularization_strength=0.02,
                          l2_regularization_strength=0.03, l2_shrinkage_regularization_strength=0.04, beta=0.5))
    yield "ftrl_power", lambda: O.Ftrl(0.1, learning_rate_power=-0.8, l1_regularization_strength=0.02)
    yield "ftrl_power0", lambda: O.Ftrl(0.1, learning_rate_power=0.0)

    for make in (O.SGD, O.RMSprop, O.Adam, O.AdamW, O.Adagrad, O.Adadelta, O.Adamax, O.Nadam, O.Lion, O.Ftrl):
        yield (f"{make.__name__.lower()}_loss_scale_factor",
               lambda make=make: make(0.05, loss_scale_factor=4.0, clipvalue=0.2, gradient_accumulation_steps=2))
    schedules = O.schedules
    yield "sgd_exponential_decay", lambda: O.SGD(schedules.ExponentialDecay(0.1, 3, 0.5))
    yield "sgd_exponential_decay_staircase", lambda: O.SGD(schedules.ExponentialDecay(0.1, 3, 0.5, staircase=True))
    yield "sgd_piecewise_constant", lambda: O.SGD(schedules.PiecewiseConstantDecay([2, 5], [0.1, 0.05, 0.01]))
    yield "sgd_polynomial_decay", lambda: O.SGD(schedules.PolynomialDecay(0.1, 5, 0.01, power=2.0))
    yield "sgd_polynomial_decay_cycle", lambda: O.SGD(schedules.PolynomialDecay(0.1, 3, 0.01, cycle=True))
    yield "sgd_inverse_time_decay", lambda: O.SGD(schedules.InverseTimeDecay(0.1, 3, 0.5))
    yield "sgd_cosine_decay", lambda: O.SGD(schedules.CosineDecay(0.1, 5, alpha=0.1))
    yield ("sgd_cosine_decay_warmup",
           lambda: O.SGD(schedules.CosineDecay(0.01, 4, warmup_target=0.1, warmup_steps=3)))
    yield "sgd_cosine_decay_restarts", lambda: O.SGD(schedules.CosineDecayRestarts(0.1, 3, m_mul=0.5))
    yield ("sgd_inverse_time_decay_staircase",
           lambda: O.SGD(schedules.InverseTimeDecay(0.1, 3, 0.5, staircase=True, name="falling")))
    yield ("sgd_polynomial_decay_cycle_power",
           lambda: O.SGD(schedules.PolynomialDecay(0.1, 3, 0.01, power=0.5, cycle=True)))
    yield "sgd_polynomial_decay_defaults", lambda: O.SGD(schedules.PolynomialDecay(0.1, 5))
    yield ("sgd_cosine_decay_warmup_alpha",
           lambda: O.SGD(schedules.CosineDecay(0.0, 4, alpha=0.2, warmup_target=0.1, warmup_steps=2)))
    yield ("sgd_cosine_decay_restarts_even",
           lambda: O.SGD(schedules.CosineDecayRestarts(0.1, 3, t_mul=1.0, m_mul=0.9, alpha=0.1)))
    yield ("sgd_cosine_decay_restarts_longer",
           lambda: O.SGD(schedules.CosineDecayRestarts(0.1, 2, t_mul=1.5)))
    yield ("adam_scheduled",
           lambda: O.Adam(schedules.ExponentialDecay(0.05, 2, 0.7), weight_decay=0.05,
                          gradient_accumulation_steps=2))
    yield "nadam_scheduled", lambda: O.Nadam(schedules.InverseTimeDecay(0.05, 2, 0.7))
