"""Homework 3, SGD and Adam."""

from tests.support.solutions import mistakes, styles

MOVE = "v.mul_(self.momentum).add_(p.grad)\n"

WRONG = mistakes(
    "sgd",
    "sgd_test",
    {
        "a new tensor in place of the parameter": (
            {"p.sub_(self.lr * v)": "p = p - self.lr * v"},
            "change the tensors themselves, in place",
        ),
        "new tensors in the optimiser's list": (
            {
                "for p, v in zip(self.params,": (
                    "for k, (p, v) in enumerate(zip(self.params,"
                ),
                "self.velocity):\n                if": (
                    "self.velocity)):\n                if"
                ),
                "p.sub_(self.lr * v)": "self.params[k] = p - self.lr * v",
            },
            "change the tensors themselves, in place|NoneType",
        ),
        "uphill": ({"p.sub_": "p.add_"}, "uphill: subtract"),
        "old velocity subtracted": (
            {"mul_(self.momentum)": "mul_(-self.momentum)"},
            "step 2 of SGD, the list of parameters is wrong. The old velocity is subtracted",
        ),
        "dampening": (
            {"add_(p.grad)": "add_((1 - self.momentum) * p.grad)"},
            r"multiplied by 1 − momentum: it comes in whole",
        ),
        "no momentum": (
            {"p.sub_(self.lr * v)": "p.sub_(self.lr * p.grad)"},
            "momentum is not used",
        ),
        "Nesterov's step": (
            {"p.sub_(self.lr * v)": "p.sub_(self.lr * (p.grad + self.momentum * v))"},
            "Nesterov",
        ),
        "no learning rate": (
            {"p.sub_(self.lr * v)": "p.sub_(v)"},
            "learning rate is not used",
        ),
        "learning rate inside the velocity": (
            {
                MOVE: "v.mul_(self.momentum).add_(self.lr * p.grad)\n",
                "p.sub_(self.lr * v)": "p.sub_(v)",
            },
            "learning rate is inside the velocity",
        ),
        "learning rate read once": (
            {
                "= list(params), lr,": "= list(params), lr + 0 * (eta := lr),",
                "        self.velocity = [torch": (
                    "        self.eta = eta\n        self.velocity = [torch"
                ),
                "self.lr * v": "self.eta * v",
            },
            "step 2 of SGD.* is wrong",
        ),
        "autograd left on": (
            {"with torch.no_grad():": "if True:"},
            "leaf Variable that requires grad.* in-place",
        ),
        "generator of parameters kept, and used up": (
            {
                "= list(params), lr,": "= params, lr,",
                "for p in self.params]": "for p in copy.copy([])]",
            },
            "Is params a generator\\? Go through it once only",
        ),
        "velocity is the gradient's own tensor": (
            {
                "[torch.zeros_like(p) for p in self.params]": (
                    "[None] * len(self.params)"
                ),
                "for p, v in zip(self.params, self.velocity):": (
                    "for k, p in enumerate(self.params):"
                ),
                MOVE: (
                    "v = self.velocity[k]\n"
                    "                    v = p.grad if v is None else "
                    "v.mul_(self.momentum).add_(p.grad)\n"
                    "                    self.velocity[k] = v\n"
                ),
            },
            "after step 2 of SGD",
        ),
        "zero_grad does nothing": (
            {"            p.grad = None": "            p = None"},
            r"zero_grad\(\) leaves some gradients",
        ),
    },
)

WRONG += mistakes(
    "sgd",
    "optimisers_more_test",
    {
        "gradient of None not foreseen": (
            {"if p.grad is not None:": "if True:"},
            "NoneType",
        ),
        "gradient of None taken for 0": (
            {
                "if p.grad is not None:": "if True:",
                MOVE: "v.mul_(self.momentum).add_(0 if p.grad is None else p.grad)\n",
            },
            "None is taken for 0",
        ),
        "velocity not in the state": (
            {'self.velocity = copy.deepcopy(state["velocity"])': "pass"},
            "It begins anew",
        ),
        "state refers to the live velocities": (
            {"copy.deepcopy(self.velocity)": "self.velocity"},
            "later steps must not change a state",
        ),
        "a loaded state is used itself": (
            {'copy.deepcopy(state["velocity"])': 'state["velocity"]'},
            "later steps must not change a state",
        ),
        "state is the optimiser": (
            {
                'return {"velocity": copy.deepcopy(self.velocity)}': (
                    'return {"velocity": copy.deepcopy(self)}'
                ),
                'copy.deepcopy(state["velocity"])': (
                    'copy.deepcopy(state["velocity"].velocity)'
                ),
            },
            "must be a dict of plain data",
        ),
    },
)

WRONG += mistakes(
    "adam",
    "adam_test",
    {
        "m not corrected": (
            {"self.m[k] / (1 - beta1 ** self.t[k])": "self.m[k]"},
            "m is not corrected",
        ),
        "v not corrected": (
            {"self.v[k] / (1 - beta2 ** self.t[k])": "self.v[k]"},
            "v is not corrected",
        ),
        "nothing corrected": (
            {
                "self.m[k] / (1 - beta1 ** self.t[k])": "self.m[k]",
                "self.v[k] / (1 - beta2 ** self.t[k])": "self.v[k]",
            },
            "m and v are not corrected",
        ),
        "betas swapped": (
            {"beta1, beta2 = self.betas": "beta2, beta1 = self.betas"},
            "beta1 and beta2 are swapped",
        ),
        "root missing": (
            {"v_hat.sqrt() + self.eps": "v_hat + self.eps"},
            "square root of v is missing",
        ),
        "eps below the root": (
            {"v_hat.sqrt() + self.eps": "(v_hat + self.eps).sqrt()"},
            "eps belongs outside the root",
        ),
        "eps before the correction of v": (
            {
                "m_hat / (v_hat.sqrt() + self.eps)": (
                    "m_hat * (1 - beta2 ** self.t[k]) ** 0.5\n"
                    "                    / (self.v[k].sqrt() + self.eps)"
                )
            },
            "eps is added before v is corrected",
        ),
        "eps forgotten": (
            {"v_hat.sqrt() + self.eps": "v_hat.sqrt()"},
            "eps is not used",
        ),
        "t starts at 0": (
            {
                "                self.t[k] += 1\n": "",
                "(v_hat.sqrt() + self.eps))\n": (
                    "(v_hat.sqrt() + self.eps))\n                self.t[k] += 1\n"
                ),
            },
            "first step has t = 1, not 0",
        ),
        "t starts at 2": ({"[0 for _": "[1 for _"}, "first step has t = 1, not 2"),
        "t never counted": (
            {"[0 for _": "[1 for _", "                self.t[k] += 1\n": ""},
            "after step 2 of Adam",
        ),
        "factor 1 − beta1 forgotten": (
            {"(1 - beta1) * p.grad": "p.grad"},
            "into m without the factor",
        ),
        "factor 1 − beta2 forgotten": (
            {"(1 - beta2) * p.grad**2": "p.grad**2"},
            "into v without the factor",
        ),
        "gradient not squared": (
            {"p.grad**2": "p.grad"},
            "v is the mean of the gradient, not of its square",
        ),
        "uphill": ({"p.sub_(self.lr * m_hat": "p.add_(self.lr * m_hat"}, "uphill"),
    },
)

WRONG += mistakes(
    "adam",
    "optimisers_more_test",
    {
        "one counter for all parameters": (
            {
                "self.t[k] += 1": "self.t = [max(self.t) + (k == 0)] * len(self.t)",
                "                if p.grad is None:\n                    continue\n": (
                    "                if p.grad is None:\n"
                    "                    if k == 0:\n"
                    "                        self.t = [t + 1 for t in self.t]\n"
                    "                    continue\n"
                ),
            },
            "of Adam, with gradients of None now and then",
        ),
        "gradient of None taken for 0": (
            {
                "                if p.grad is None:\n                    continue\n": (
                    "                if p.grad is None:\n"
                    "                    p.grad = torch.zeros_like(p)\n"
                )
            },
            "None is taken for 0",
        ),
        "number of steps not in the state": (
            {'self.t, self.m, self.v = state["t"], ': "self.m, self.v = "},
            "one step after a new Adam .* It counts its steps anew",
        ),
        "state not loaded": (
            {
                'self.t, self.m, self.v = state["t"], state["m"], state["v"]': (
                    "self.state = state"
                )
            },
            "It begins anew",
        ),
        "state refers to the live means": (
            {
                "copy.deepcopy({": "dict({",
                "self.m[k] = beta1 * self.m[k] + (1 - beta1) * p.grad": (
                    "self.m[k].mul_(beta1).add_((1 - beta1) * p.grad)"
                ),
            },
            "later steps must not change a state",
        ),
    },
)

RIGHT = styles(
    "sgd",
    {
        "one dict of state for each parameter": """
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params = list(params)
        self.lr, self.momentum = lr, momentum
        self.state = [{} for _ in self.params]

    def zero_grad(self):
        for p in self.params:
            if p.grad is not None:
                p.grad.zero_()

    @torch.no_grad()
    def step(self):
        for p, s in zip(self.params, self.state):
            if p.grad is None:
                continue
            s["v"] = self.momentum * s.get("v", 0) + p.grad
            p -= self.lr * s["v"]

    def state_dict(self):
        copies = [{k: v.clone() for k, v in s.items()} for s in self.state]
        return {"lr": self.lr, "momentum": self.momentum, "state": copies}

    def load_state_dict(self, state):
        self.state = [{k: v.clone() for k, v in s.items()} for s in state["state"]]
""",
        "by .data, with velocities of None at first": """
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.momentum = [p for p in params], lr, momentum
        self.v = [None] * len(self.params)

    def zero_grad(self):
        for p in self.params:
            p.grad = None

    def step(self):
        for k, p in enumerate(self.params):
            if p.grad is not None:
                g = p.grad.detach()
                self.v[k] = g.clone() if self.v[k] is None else self.momentum * self.v[k] + g
                p.data = p.data - self.lr * self.v[k]

    def state_dict(self):
        return copy.deepcopy({"v": self.v})

    def load_state_dict(self, state):
        self.v = copy.deepcopy(state["v"])
""",
    },
)

RIGHT += styles(
    "adam",
    {
        "derived from SGD, corrections in the step size": """
class Adam(SGD):
    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, lr)
        self.betas, self.eps = betas, eps
        self.state = [dict(t=0, m=torch.zeros_like(p), v=torch.zeros_like(p)) for p in self.params]

    @torch.no_grad()
    def step(self):
        b1, b2 = self.betas
        for p, s in zip(self.params, self.state):
            if p.grad is None:
                continue
            s["t"] += 1
            s["m"].lerp_(p.grad, 1 - b1)
            s["v"].mul_(b2).addcmul_(p.grad, p.grad, value=1 - b2)
            root = s["v"].sqrt() / math.sqrt(1 - b2 ** s["t"])
            p.addcdiv_(s["m"], root + self.eps, value=-self.lr / (1 - b1 ** s["t"]))

    def state_dict(self):
        return {"state": copy.deepcopy(self.state)}

    def load_state_dict(self, state):
        self.state = copy.deepcopy(state["state"])
""",
        "counters as tensors, state by number": """
class Adam:
    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8):
        self.params = list(params)
        self.lr, (self.beta1, self.beta2), self.eps = lr, betas, eps
        self.state = {}

    def zero_grad(self):
        for p in self.params:
            p.grad = None

    def step(self):
        with torch.no_grad():
            for k, p in enumerate(self.params):
                if p.grad is None:
                    continue
                g = p.grad.clone()
                zero = torch.zeros_like(g)
                t, m, v = self.state.get(k, (torch.tensor(0.0, dtype=torch.float64), zero, zero))
                t = t + 1
                m = m + (1 - self.beta1) * (g - m)
                v = v + (1 - self.beta2) * (g * g - v)
                self.state[k] = t, m, v
                c1, c2 = 1 - self.beta1**t, 1 - self.beta2**t
                p.data.sub_((self.lr * (m / c1) / ((v / c2) ** 0.5 + self.eps)).to(p.dtype))

    def state_dict(self):
        return {"of": copy.deepcopy(self.state)}

    def load_state_dict(self, state):
        self.state = copy.deepcopy(state["of"])
""",
    },
)
