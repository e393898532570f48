"""Homework 3: what students get wrong, and what they get right in other ways."""

from tests.support.solutions import Right, Wrong

# tests that train a network: run only for the solutions that they are about
SLOW = {"resume_test", "vae_training_test", "cvae_training_test"}

MOVE = "v.mul_(self.momentum).add_(p.grad)\n"
OPTIMISERS = [
    Wrong(
        "sgd",
        "a new tensor in place of the parameter",
        [("p.sub_(self.lr * v)", "p = p - self.lr * v")],
        "sgd_test",
        "change the tensors themselves, in place",
    ),
    Wrong(
        "sgd",
        "new tensors in the optimiser's list",
        [
            (
                "for p, v in zip(self.params,",
                "for k, (p, v) in enumerate(zip(self.params,",
            ),
            (
                "self.velocity):\n                if",
                "self.velocity)):\n                if",
            ),
            ("p.sub_(self.lr * v)", "self.params[k] = p - self.lr * v"),
        ],
        "sgd_test",
        "change the tensors themselves, in place|NoneType",
    ),
    Wrong(
        "sgd",
        "uphill",
        [("p.sub_", "p.add_")],
        "sgd_test",
        "uphill: subtract",
    ),
    Wrong(
        "sgd",
        "old velocity subtracted",
        [("mul_(self.momentum)", "mul_(-self.momentum)")],
        "sgd_test",
        "step 2 of SGD, the list of parameters is wrong. The old velocity is subtracted",
    ),
    Wrong(
        "sgd",
        "dampening",
        [("add_(p.grad)", "add_((1 - self.momentum) * p.grad)")],
        "sgd_test",
        r"multiplied by 1 − momentum: it comes in whole",
    ),
    Wrong(
        "sgd",
        "no momentum",
        [("p.sub_(self.lr * v)", "p.sub_(self.lr * p.grad)")],
        "sgd_test",
        "momentum is not used",
    ),
    Wrong(
        "sgd",
        "Nesterov's step",
        [("p.sub_(self.lr * v)", "p.sub_(self.lr * (p.grad + self.momentum * v))")],
        "sgd_test",
        "Nesterov",
    ),
    Wrong(
        "sgd",
        "no learning rate",
        [("p.sub_(self.lr * v)", "p.sub_(v)")],
        "sgd_test",
        "learning rate is not used",
    ),
    Wrong(
        "sgd",
        "learning rate inside the velocity",
        [
            (MOVE, "v.mul_(self.momentum).add_(self.lr * p.grad)\n"),
            ("p.sub_(self.lr * v)", "p.sub_(v)"),
        ],
        "sgd_test",
        "learning rate is inside the velocity",
    ),
    Wrong(
        "sgd",
        "learning rate read once",
        [
            ("= list(params), lr,", "= list(params), lr + 0 * (eta := lr),"),
            (
                "        self.velocity = [torch",
                "        self.eta = eta\n        self.velocity = [torch",
            ),
            ("self.lr * v", "self.eta * v"),
        ],
        "sgd_test",
        "step 2 of SGD.* is wrong",
    ),
    Wrong(
        "sgd",
        "autograd left on",
        [("with torch.no_grad():", "if True:")],
        "sgd_test",
        "leaf Variable that requires grad.* in-place",
    ),
    Wrong(
        "sgd",
        "generator of parameters kept, and used up",
        [
            ("= list(params), lr,", "= params, lr,"),
            ("for p in self.params]", "for p in copy.copy([])]"),
        ],
        "sgd_test",
        "Is params a generator\\? Go through it once only",
    ),
    Wrong(
        "sgd",
        "velocity is the gradient's own tensor",
        [
            ("[torch.zeros_like(p) for p in self.params]", "[None] * len(self.params)"),
            (
                "for p, v in zip(self.params, self.velocity):",
                "for k, p in enumerate(self.params):",
            ),
            (
                MOVE,
                "v = self.velocity[k]\n"
                "                    v = p.grad if v is None else "
                "v.mul_(self.momentum).add_(p.grad)\n"
                "                    self.velocity[k] = v\n",
            ),
        ],
        "sgd_test",
        "after step 2 of SGD",
    ),
    Wrong(
        "sgd",
        "zero_grad does nothing",
        [("            p.grad = None", "            p = None")],
        "sgd_test",
        r"zero_grad\(\) leaves some gradients",
    ),
    Wrong(
        "sgd",
        "gradient of None not foreseen",
        [("if p.grad is not None:", "if True:")],
        "optimisers_more_test",
        "NoneType",
    ),
    Wrong(
        "sgd",
        "gradient of None taken for 0",
        [
            ("if p.grad is not None:", "if True:"),
            (MOVE, "v.mul_(self.momentum).add_(0 if p.grad is None else p.grad)\n"),
        ],
        "optimisers_more_test",
        "None is taken for 0",
    ),
    Wrong(
        "sgd",
        "velocity not in the state",
        [('self.velocity = copy.deepcopy(state["velocity"])', "pass")],
        "optimisers_more_test",
        "It begins anew",
    ),
    Wrong(
        "sgd",
        "state refers to the live velocities",
        [("copy.deepcopy(self.velocity)", "self.velocity")],
        "optimisers_more_test",
        "later steps must not change a state",
    ),
    Wrong(
        "sgd",
        "a loaded state is used itself",
        [('copy.deepcopy(state["velocity"])', 'state["velocity"]')],
        "optimisers_more_test",
        "later steps must not change a state",
    ),
    Wrong(
        "sgd",
        "state is the optimiser",
        [
            (
                'return {"velocity": copy.deepcopy(self.velocity)}',
                'return {"velocity": copy.deepcopy(self)}',
            ),
            (
                'copy.deepcopy(state["velocity"])',
                'copy.deepcopy(state["velocity"].velocity)',
            ),
        ],
        "optimisers_more_test",
        "must be a dict of plain data",
    ),
    Wrong(
        "adam",
        "m not corrected",
        [("self.m[k] / (1 - beta1 ** self.t[k])", "self.m[k]")],
        "adam_test",
        "m is not corrected",
    ),
    Wrong(
        "adam",
        "v not corrected",
        [("self.v[k] / (1 - beta2 ** self.t[k])", "self.v[k]")],
        "adam_test",
        "v is not corrected",
    ),
    Wrong(
        "adam",
        "nothing corrected",
        [
            ("self.m[k] / (1 - beta1 ** self.t[k])", "self.m[k]"),
            ("self.v[k] / (1 - beta2 ** self.t[k])", "self.v[k]"),
        ],
        "adam_test",
        "m and v are not corrected",
    ),
    Wrong(
        "adam",
        "betas swapped",
        [("beta1, beta2 = self.betas", "beta2, beta1 = self.betas")],
        "adam_test",
        "beta1 and beta2 are swapped",
    ),
    Wrong(
        "adam",
        "root missing",
        [("v_hat.sqrt() + self.eps", "v_hat + self.eps")],
        "adam_test",
        "square root of v is missing",
    ),
    Wrong(
        "adam",
        "eps below the root",
        [("v_hat.sqrt() + self.eps", "(v_hat + self.eps).sqrt()")],
        "adam_test",
        "eps belongs outside the root",
    ),
    Wrong(
        "adam",
        "eps before the correction of v",
        [
            (
                "m_hat / (v_hat.sqrt() + self.eps)",
                "m_hat * (1 - beta2 ** self.t[k]) ** 0.5\n"
                "                    / (self.v[k].sqrt() + self.eps)",
            )
        ],
        "adam_test",
        "eps is added before v is corrected",
    ),
    Wrong(
        "adam",
        "eps forgotten",
        [("v_hat.sqrt() + self.eps", "v_hat.sqrt()")],
        "adam_test",
        "eps is not used",
    ),
    Wrong(
        "adam",
        "t starts at 0",
        [
            ("                self.t[k] += 1\n", ""),
            (
                "(v_hat.sqrt() + self.eps))\n",
                "(v_hat.sqrt() + self.eps))\n                self.t[k] += 1\n",
            ),
        ],
        "adam_test",
        "first step has t = 1, not 0",
    ),
    Wrong(
        "adam",
        "t starts at 2",
        [("[0 for _", "[1 for _")],
        "adam_test",
        "first step has t = 1, not 2",
    ),
    Wrong(
        "adam",
        "t never counted",
        [
            ("[0 for _", "[1 for _"),
            ("                self.t[k] += 1\n", ""),
        ],
        "adam_test",
        "after step 2 of Adam",
    ),
    Wrong(
        "adam",
        "factor 1 − beta1 forgotten",
        [("(1 - beta1) * p.grad", "p.grad")],
        "adam_test",
        "into m without the factor",
    ),
    Wrong(
        "adam",
        "factor 1 − beta2 forgotten",
        [("(1 - beta2) * p.grad**2", "p.grad**2")],
        "adam_test",
        "into v without the factor",
    ),
    Wrong(
        "adam",
        "gradient not squared",
        [("p.grad**2", "p.grad")],
        "adam_test",
        "v is the mean of the gradient, not of its square",
    ),
    Wrong(
        "adam",
        "uphill",
        [("p.sub_(self.lr * m_hat", "p.add_(self.lr * m_hat")],
        "adam_test",
        "uphill",
    ),
    Wrong(
        "adam",
        "one counter for all parameters",
        [
            ("self.t[k] += 1", "self.t = [max(self.t) + (k == 0)] * len(self.t)"),
            (
                "                if p.grad is None:\n                    continue\n",
                "                if p.grad is None:\n"
                "                    if k == 0:\n"
                "                        self.t = [t + 1 for t in self.t]\n"
                "                    continue\n",
            ),
        ],
        "optimisers_more_test",
        "of Adam, with gradients of None now and then",
    ),
    Wrong(
        "adam",
        "gradient of None taken for 0",
        [
            (
                "                if p.grad is None:\n                    continue\n",
                "                if p.grad is None:\n"
                "                    p.grad = torch.zeros_like(p)\n",
            )
        ],
        "optimisers_more_test",
        "None is taken for 0",
    ),
    Wrong(
        "adam",
        "number of steps not in the state",
        [('self.t, self.m, self.v = state["t"], ', "self.m, self.v = ")],
        "optimisers_more_test",
        "one step after a new Adam .* It counts its steps anew",
    ),
    Wrong(
        "adam",
        "state not loaded",
        [
            (
                'self.t, self.m, self.v = state["t"], state["m"], state["v"]',
                "self.state = state",
            )
        ],
        "optimisers_more_test",
        "It begins anew",
    ),
    Wrong(
        "adam",
        "state refers to the live means",
        [
            ("copy.deepcopy({", "dict({"),
            (
                "self.m[k] = beta1 * self.m[k] + (1 - beta1) * p.grad",
                "self.m[k].mul_(beta1).add_((1 - beta1) * p.grad)",
            ),
        ],
        "optimisers_more_test",
        "later steps must not change a state",
    ),
]

COSINE = "(step - warmup) / (total - warmup)"
SCHEDULE = [
    Wrong(
        "learning_rate",
        "warm-up from 0",
        [("peak * (step + 1) / warmup", "peak * step / warmup")],
        "learning_rate_test",
        "its first rate is peak / warmup",
    ),
    Wrong(
        "learning_rate",
        "no warm-up",
        [("peak * (step + 1) / warmup", "peak")],
        "learning_rate_test",
        "There is no warm-up",
    ),
    Wrong(
        "learning_rate",
        "cosine over all updates",
        [(COSINE, "step / total")],
        "learning_rate_test",
        "cosine begins at update 0",
    ),
    Wrong(
        "learning_rate",
        "cosine takes total updates after the warm-up",
        [(COSINE, "(step - warmup) / total")],
        "learning_rate_test",
        "warm-up and cosine together",
    ),
    Wrong(
        "learning_rate",
        "cosine one update early",
        [(COSINE, "(step + 1 - warmup) / (total - warmup)")],
        "learning_rate_test",
        "begins one update too early",
    ),
    Wrong(
        "learning_rate",
        "the peak one update late",
        [("if step < warmup", "if step <= warmup")],
        "learning_rate_test",
        "the list of rates .* wrong",
    ),
    Wrong(
        "learning_rate",
        "reaches 0 at the last update",
        [(COSINE, "(step - warmup) / (total - 1 - warmup)")],
        "learning_rate_test",
        "the list of rates .* wrong",
    ),
    Wrong(
        "learning_rate",
        "half forgotten",
        [(" / 2\n", "\n")],
        "learning_rate_test",
        "The half is missing",
    ),
    Wrong(
        "learning_rate",
        "rises again after the end",
        [("    if step >= total:\n        return 0.0\n", "")],
        "learning_rate_test",
        "rises again after update total",
    ),
    Wrong(
        "learning_rate",
        "division by a warm-up of 0",
        [("if step < warmup:", "if step <= warmup - 1 or step / warmup < 0:")],
        "learning_rate_test",
        "ZeroDivisionError",
    ),
    Wrong(
        "clip_grad_norm",
        "each tensor by its own norm",
        [
            ("if norm > max_norm:", "if True:"),
            (
                "grad.mul_(max_norm / norm)",
                "grad.mul_(min(1.0, max_norm / float(grad.norm())))",
            ),
        ],
        "clip_grad_norm_test",
        "Each tensor is clipped by itself",
    ),
    Wrong(
        "clip_grad_norm",
        "short gradients made longer",
        [("if norm > max_norm:", "if norm > 0:")],
        "clip_grad_norm_test",
        "short enough stay as they are",
    ),
    Wrong(
        "clip_grad_norm",
        "each entry",
        [("grad.mul_(max_norm / norm)", "grad.clamp_(-max_norm, max_norm)")],
        "clip_grad_norm_test",
        "Each entry is clipped by itself",
    ),
    Wrong(
        "clip_grad_norm",
        "sum of the norms",
        [
            (
                "math.sqrt(sum(float((grad**2).sum()) for grad in grads))",
                "sum(float(grad.norm()) for grad in grads)",
            )
        ],
        "clip_grad_norm_test",
        "not the sum of the tensors' norms",
    ),
    Wrong(
        "clip_grad_norm",
        "root forgotten",
        [("math.sqrt(sum(", "(sum(")],
        "clip_grad_norm_test",
        "root of the sum of squares is missing",
    ),
    Wrong(
        "clip_grad_norm",
        "gradients not changed in place",
        [("grad.mul_(max_norm / norm)", "grad = grad * (max_norm / norm)")],
        "clip_grad_norm_test",
        "They are not clipped",
    ),
    Wrong(
        "clip_grad_norm",
        "generator used twice",
        [
            (
                "        for grad in grads:\n            grad.mul_",
                "        for p in params:\n            p.grad.mul_",
            )
        ],
        "clip_grad_norm_test",
        "Go through it once only",
    ),
    Wrong(
        "clip_grad_norm",
        "scaled to length 1",
        [("grad.mul_(max_norm / norm)", "grad.mul_(1 / norm)")],
        "clip_grad_norm_test",
        "They now have length 1",
    ),
    Wrong(
        "clip_grad_norm",
        "norm after clipping returned",
        [("return norm", "return min(norm, max_norm)")],
        "clip_grad_norm_test",
        "norm after clipping; return that from before",
    ),
    Wrong(
        "clip_grad_norm",
        "nothing returned",
        [("    return norm\n", "")],
        "clip_grad_norm_test",
        "return statement missing",
    ),
    Wrong(
        "clip_grad_norm",
        "gradients of None not foreseen",
        [(" if p.grad is not None]", "]")],
        "clip_grad_norm_test",
        "NoneType",
    ),
    Wrong(
        "clip_grad_norm",
        "NaN for gradients of 0",
        [
            ("if norm > max_norm:", "if True:"),
            (
                "grad.mul_(max_norm / norm)",
                "grad.mul_((max_norm / torch.tensor(norm)).clamp(max=1) + 0 / "
                "torch.tensor(norm))",
            ),
        ],
        "clip_grad_norm_test",
        "gradients of 0, clipped.*NaN",
    ),
]

WEIGH = "loss_fn(model, *part) * (len(part[0]) / N)"
LOOP = [
    Wrong(
        "evaluate",
        "mean of the batches' means",
        [
            (" * len(batch[0])", ""),
            (
                "return total / len(tensors[0])",
                "return total / math.ceil(len(tensors[0]) / batch_size)",
            ),
        ],
        "evaluate_test",
        "mean of the batches' means",
    ),
    Wrong(
        "evaluate",
        "sum of the batches' means",
        [
            (" * len(batch[0])", ""),
            ("return total / len(tensors[0])", "return total"),
        ],
        "evaluate_test",
        "a sum over the batches",
    ),
    Wrong(
        "evaluate",
        "sum over the rows",
        [("return total / len(tensors[0])", "return total")],
        "evaluate_test",
        "a sum over the rows, not their mean",
    ),
    Wrong(
        "evaluate",
        "last batch dropped",
        [
            (
                "            total +=",
                "            if len(batch[0]) < batch_size:\n"
                "                continue\n            total +=",
            ),
        ],
        "evaluate_test",
        "left out, but its rows are counted",
    ),
    Wrong(
        "evaluate",
        "every batch taken for a full one",
        [("* len(batch[0])", "* batch_size")],
        "evaluate_test",
        "the loss of 7 rows in batches of 3 is wrong",
    ),
    Wrong(
        "evaluate",
        "mode for use forgotten",
        [("    model.eval()\n", "")],
        "evaluate_test",
        r"call model.eval\(\) first",
    ),
    Wrong(
        "evaluate",
        "mode not put back",
        [("    model.train(was_training)\n", "")],
        "evaluate_test",
        "training mode before, and is not afterwards",
    ),
    Wrong(
        "evaluate",
        "training mode afterwards, whatever it was",
        [("model.train(was_training)", "model.train()")],
        "evaluate_test",
        "eval mode before, and is not afterwards",
    ),
    Wrong(
        "evaluate",
        "autograd left on",
        [("with torch.no_grad():", "if True:")],
        "evaluate_test",
        "Autograd was on",
    ),
    Wrong(
        "evaluate",
        "returns a tensor",
        [(".item()", "")],
        "evaluate_test",
        "must return a float",
    ),
    Wrong(
        "evaluate",
        "all rows at once",
        [(".split(batch_size)", ".split(len(t))")],
        "evaluate_test",
        "more than batch_size rows at once",
    ),
    Wrong(
        "evaluate",
        "batch size not used for full batches",
        [
            (
                "return total / len(tensors[0])",
                "return total / (len(tensors[0]) // batch_size * batch_size)",
            )
        ],
        "evaluate_test",
        "divided by the number of full batches",
    ),
    Wrong(
        "update",
        "gradients not zeroed",
        [("    optimiser.zero_grad()\n", "")],
        "update_test",
        r"update 2 .*gradients of the update before are still there",
    ),
    Wrong(
        "update",
        "gradients zeroed before each part",
        [
            ("    optimiser.zero_grad()\n", ""),
            (
                "        loss = loss_fn",
                "        optimiser.zero_grad()\n        loss = loss_fn",
            ),
        ],
        "update_test",
        "Only the last part counts",
    ),
    Wrong(
        "update",
        "parts summed",
        [(WEIGH, "loss_fn(model, *part)")],
        "update_test",
        "parts' mean losses are summed",
    ),
    Wrong(
        "update",
        "parts weighed alike",
        [
            (WEIGH, "loss_fn(model, *part) / math.ceil(N / micro_size)"),
        ],
        "update_test",
        "Each part counts the same",
    ),
    Wrong(
        "update",
        "parts taken for full",
        [("len(part[0]) / N", "micro_size / N")],
        "update_test",
        "Parts are taken for full ones",
    ),
    Wrong(
        "update",
        "last part dropped",
        [
            (
                "        loss = loss_fn",
                "        if len(part[0]) < min(N, micro_size):\n            continue\n"
                "        loss = loss_fn",
            )
        ],
        "update_test",
        "The last, smaller part is left out",
    ),
    Wrong(
        "update",
        "a step after every part",
        [
            (
                "    clip_grad_norm(model.parameters(), max_norm)\n    optimiser.step()\n",
                "        clip_grad_norm(model.parameters(), max_norm)\n"
                "        optimiser.step()\n        optimiser.zero_grad()\n",
            )
        ],
        "update_test",
        "There is a step after every part",
    ),
    Wrong(
        "update",
        "not clipped",
        [("    clip_grad_norm(model.parameters(), max_norm)\n", "")],
        "update_test",
        "The gradient is not clipped",
    ),
    Wrong(
        "update",
        "clipped before the gradient is there",
        [
            ("    clip_grad_norm(model.parameters(), max_norm)\n", ""),
            (
                "    optimiser.zero_grad()\n",
                "    optimiser.zero_grad()\n"
                "    clip_grad_norm(model.parameters(), max_norm)\n",
            ),
        ],
        "update_test",
        "The gradient is not clipped",
    ),
    Wrong(
        "update",
        "each part clipped",
        [
            (
                "        total += loss.item()\n    clip_grad_norm",
                "        total += loss.item()\n        clip_grad_norm",
            )
        ],
        "update_test",
        "Each part is clipped",
    ),
    Wrong(
        "update",
        "step forgotten",
        [("    optimiser.step()\n", "")],
        "update_test",
        r"Is step\(\) called",
    ),
    Wrong(
        "update",
        "loss summed over the parts",
        [("total += loss.item()", "total += loss.item() * N / len(part[0])")],
        "update_test",
        "the loss that update returns is wrong",
    ),
    Wrong(
        "update",
        "returns a tensor",
        [("loss.item()", "loss.detach()")],
        "update_test",
        "must return a float",
    ),
    Wrong(
        "update",
        "micro_size not used",
        [(".split(micro_size)", ".split(N)")],
        "update_test",
        "more than micro_size rows at once",
    ),
]

RATE = "learning_rate(step, self.lr, self.warmup, total)"
TRAINER = [
    Wrong(
        "trainer",
        "training mode forgotten",
        [("        self.model.train()\n", "")],
        "trainer_test",
        r"learns in the mode for use: call model.train\(\)",
    ),
    Wrong(
        "trainer",
        "learning rate never set",
        [("            self.optimiser.lr = " + RATE + "\n", "")],
        "trainer_test",
        "optimiser's own learning rate is used",
    ),
    Wrong(
        "trainer",
        "updates numbered from 1",
        [
            (
                "step = updates * len(self.losses)",
                "step = updates * len(self.losses) + 1",
            )
        ],
        "trainer_test",
        "rate is that of the second update",
    ),
    Wrong(
        "trainer",
        "no schedule",
        [(RATE, "self.lr")],
        "trainer_test",
        "The rate is the peak",
    ),
    Wrong(
        "trainer",
        "validated on the training set",
        [("self.loss_fn, self.val_set,", "self.loss_fn, self.train_set,")],
        "trainer_test",
        "the loss of the training set",
    ),
    Wrong(
        "trainer",
        "run trains to the end, however many epochs are asked for",
        [
            (
                "range(self.epochs if epochs is None else epochs)",
                "range(self.epochs)",
            )
        ],
        "trainer_test",
        r"After run\(1\), losses has 6 items",
    ),
    Wrong(
        "trainer",
        "run(0) trains to the end",
        [("self.epochs if epochs is None else epochs", "epochs or self.epochs")],
        "trainer_test",
        r"run\(0\) must train for no epoch",
    ),
    Wrong(
        "trainer",
        "total is the number of epochs",
        [("total = updates * self.epochs", "total = self.epochs")],
        "trainer_test",
        "The total is the number of epochs; it is that of all updates",
    ),
    Wrong(
        "trainer",
        "over is never said",
        [("                self.over = True\n", "")],
        "trainer_test",
        r"7 epochs are done: training ends after all 6",
    ),
    Wrong(
        "trainer",
        "not shuffled",
        [("torch.randperm(N, generator=self.generator)", "torch.arange(N)")],
        "trainer_test",
        "rows are not shuffled",
    ),
    Wrong(
        "trainer",
        "the same order in each epoch",
        [
            (
                "torch.randperm(N, generator=self.generator)",
                "torch.randperm(N, generator=self.generator.manual_seed("
                "self.generator.initial_seed()))",
            )
        ],
        "trainer_test",
        "after 2 epochs.*Every epoch has the same order",
    ),
    Wrong(
        "trainer",
        "order by PyTorch's own generator",
        [("torch.randperm(N, generator=self.generator)", "torch.randperm(N)")],
        "trainer_test",
        "same seed gives another result",
    ),
    Wrong(
        "trainer",
        "order seeded by the clock",
        [("manual_seed(seed)", "manual_seed(torch.Generator().seed())")],
        "trainer_test",
        "same seed gives another result",
    ),
    Wrong(
        "trainer",
        "labels left behind",
        [
            (
                "batch = [t[rows] for t in self.train_set]",
                "k = step % updates * self.batch_size\n"
                "            X, y = self.train_set\n"
                "            batch = [X[rows], y[k : k + len(rows)]]",
            )
        ],
        "trainer_test",
        "labels do not follow the inputs",
    ),
    Wrong(
        "trainer",
        "last batch dropped",
        [
            (
                "            total = updates",
                "            if len(rows) < self.batch_size:\n"
                "                continue\n            total = updates",
            ),
        ],
        "trainer_test",
        "last, smaller batch is left out|is wrong",
    ),
    Wrong(
        "trainer",
        "schedule by epochs",
        [(RATE, "learning_rate(len(self.losses), self.lr, self.warmup, self.epochs)")],
        "trainer_test",
        "schedule advances by epochs",
    ),
    Wrong(
        "trainer",
        "schedule anew in each epoch",
        [
            ("step = updates * len(self.losses)", "step = 0"),
            ("total = updates * self.epochs", "total = updates"),
        ],
        "trainer_test",
        "schedule starts anew",
    ),
    Wrong(
        "trainer",
        "total without the smaller batches",
        [
            (
                "total = updates * self.epochs",
                "total = N // self.batch_size * self.epochs",
            )
        ],
        "trainer_test",
        "leaves out the smaller batches",
    ),
    Wrong(
        "trainer",
        "batches in parts of batch_size",
        [("how = self.micro_size,", "how = self.batch_size,")],
        "trainer_test",
        "gave the network parts of",
    ),
    Wrong(
        "trainer",
        "best network not copied",
        [("copy.deepcopy(self.model.state_dict())", "self.model.state_dict()")],
        "early_stopping_test",
        r"kept as a copy: what state_dict\(\) returns changes",
    ),
    Wrong(
        "trainer",
        "best network copied one level deep",
        [("copy.deepcopy(self.model.state_dict())", "dict(self.model.state_dict())")],
        "early_stopping_test",
        r"kept as a copy: what state_dict\(\) returns changes",
    ),
    Wrong(
        "trainer",
        "best network not put back",
        [("                self.model.load_state_dict(self.best)\n", "")],
        "early_stopping_test",
        "should be that of the best epoch",
    ),
    Wrong(
        "trainer",
        "best parameters without the buffers",
        [
            (
                "copy.deepcopy(self.model.state_dict())",
                "{k: p.detach().clone() for k, p in self.model.named_parameters()}",
            ),
            ("load_state_dict(self.best)", "load_state_dict(self.best, strict=False)"),
        ],
        "early_stopping_test",
        "buffers should be put back too",
    ),
    Wrong(
        "trainer",
        "patience one epoch too long",
        [("waited >= self.patience", "waited > self.patience")],
        "early_stopping_test",
        "goes on after 2 epochs without a new lowest",
    ),
    Wrong(
        "trainer",
        "patience one epoch too short",
        [("waited >= self.patience", "waited >= self.patience - 1")],
        "early_stopping_test",
        "is over after",
    ),
    Wrong(
        "trainer",
        "no early stopping",
        [("waited >= self.patience or ", "")],
        "early_stopping_test",
        "goes on after",
    ),
    Wrong(
        "trainer",
        "compared with the epoch before",
        [
            (
                "waited = len(self.losses) - 1 - lowest\n",
                "drops = [b < a for a, b in zip([math.inf] + self.losses, self.losses)]\n"
                "            waited = drops[::-1].index(True)\n",
            )
        ],
        "early_stopping_test",
        "goes on after|should be that of the best epoch",
    ),
    Wrong(
        "trainer",
        "the highest loss taken for the best",
        [
            (
                "self.losses.index(min(self.losses))",
                "self.losses.index(max(self.losses))",
            )
        ],
        "early_stopping_test",
        "is over after|goes on after|should be that of the best",
    ),
    Wrong(
        "trainer",
        "best network put back after each run",
        [
            (
                "                self.model.load_state_dict(self.best)\n",
                "        self.model.load_state_dict(self.best)\n",
            )
        ],
        "trainer_test",
        "put back after each run",
    ),
    Wrong(
        "trainer",
        "goes on when training is over",
        [("            if self.over:\n                return\n", "")],
        "trainer_test",
        "7 epochs are done",
    ),
    Wrong(
        "trainer",
        "checkpoint without the network",
        [('        self.model.load_state_dict(state["model"])\n', "")],
        "resume_test",
        "must give it back its parameters",
    ),
    Wrong(
        "trainer",
        "checkpoint without the optimiser",
        [('        self.optimiser.load_state_dict(state["optimiser"])\n', "")],
        "resume_test",
        "Does the optimiser go on",
    ),
    Wrong(
        "trainer",
        "checkpoint without the order of the rows",
        [('        self.generator.set_state(state["order"])\n', "")],
        "resume_test",
        "Does the order of the rows go on",
    ),
    Wrong(
        "trainer",
        "checkpoint without PyTorch's random numbers",
        [('        torch.set_rng_state(state["random"])\n', "")],
        "resume_test",
        "Does dropout go on with the same random numbers",
    ),
    Wrong(
        "trainer",
        "checkpoint without the losses",
        [
            (
                'self.losses, self.over = state["losses"], state["over"]',
                'self.over = state["over"]',
            )
        ],
        "resume_test",
        "must restore losses and over",
    ),
    Wrong(
        "trainer",
        "the latest epoch is repeated",
        [('state["losses"], state["over"]', 'state["losses"][:-1], state["over"]')],
        "resume_test",
        "must restore losses and over",
    ),
    Wrong(
        "trainer",
        "checkpoint without the best network",
        [('        self.best = state["best"]\n', "")],
        "resume_test",
        "TypeError|AttributeError|best network",
    ),
    Wrong(
        "trainer",
        "best network in the state is the latest one",
        [('"best": self.best,', '"best": self.best and self.model.state_dict(),')],
        "resume_test",
        "all losses are right, but not the network at the end. Is the best network",
    ),
    Wrong(
        "trainer",
        "checkpoint without over",
        [
            (
                'self.losses, self.over = state["losses"], state["over"]',
                'self.losses = state["losses"]',
            )
        ],
        "resume_test",
        "must restore losses and over",
    ),
    Wrong(
        "trainer",
        "checkpoint refers to what goes on changing",
        [("return copy.deepcopy(state)", "return state")],
        "resume_test",
        "must copy|must give it back",
    ),
    Wrong(
        "trainer",
        "checkpoint of objects",
        [('"optimiser": self.optimiser.state_dict()', '"optimiser": self.optimiser')],
        "resume_test",
        "must be a dict of plain data",
    ),
]

KL = "0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)"
NLL = "(F.softplus(logits) - x * logits).sum(1)"
TERMS = [
    Wrong(
        "reparameterise",
        "variance in place of sigma",
        [("torch.exp(0.5 * logvar)", "torch.exp(logvar)")],
        "reparameterise_test",
        "multiplied by the variance",
    ),
    Wrong(
        "reparameterise",
        "logvar taken for sigma",
        [("torch.exp(0.5 * logvar)", "logvar")],
        "reparameterise_test",
        "not sigma itself",
    ),
    Wrong(
        "reparameterise",
        "no sigma",
        [("torch.exp(0.5 * logvar) * eps", "eps")],
        "reparameterise_test",
        "not scaled by sigma",
    ),
    Wrong(
        "reparameterise",
        "no noise",
        [(" + torch.exp(0.5 * logvar) * eps", "")],
        "reparameterise_test",
        "noise is left out",
    ),
    Wrong(
        "reparameterise",
        "detached",
        [("0.5 * logvar)", "0.5 * logvar).detach()")],
        "reparameterise_test",
        "No gradient gets through to logvar",
    ),
    Wrong(
        "reparameterise",
        "a draw that autograd does not see through",
        [
            (
                "    if eps is None:\n        eps = torch.randn_like(mu)\n",
                "    if eps is None:\n        return torch.normal(mu, logvar.exp().sqrt())\n"
                "    mu, logvar = mu.data, logvar.data\n",
            )
        ],
        "reparameterise_test",
        "No gradient gets through to mu",
    ),
    Wrong(
        "reparameterise",
        "one noise for the whole batch",
        [("torch.randn_like(mu)", "torch.randn_like(mu[0])")],
        "reparameterise_test",
        "All pictures of a batch get the same noise",
    ),
    Wrong(
        "reparameterise",
        "one noise for a whole code",
        [("torch.randn_like(mu)", "torch.randn_like(mu[:, :1])")],
        "reparameterise_test",
        "All entries of a code get the same noise",
    ),
    Wrong(
        "reparameterise",
        "uniform noise",
        [("torch.randn_like(mu)", "torch.rand_like(mu)")],
        "reparameterise_test",
        "must be standard normal: its mean is wrong",
    ),
    Wrong(
        "reparameterise",
        "seeded in each call",
        [("        eps = torch", "        torch.manual_seed(0)\n        eps = torch")],
        "reparameterise_test",
        "Each call must draw new noise",
    ),
    Wrong(
        "reparameterise",
        "float32 whatever the input",
        [
            ("torch.randn_like(mu)", "torch.randn(mu.shape)"),
            ("mu + torch", "mu.float() + torch"),
            ("0.5 * logvar", "0.5 * logvar.float()"),
        ],
        "reparameterise_test",
        "wrong|keep the input's dtype",
    ),
    Wrong(
        "reparameterise",
        "given noise not used",
        [("    if eps is None:\n        eps", "    eps")],
        "reparameterise_test",
        r"reparameterise\(mu, logvar, eps\) is wrong",
    ),
    Wrong("kl_to_prior", "sign", [("0.5 *", "-0.5 *")], "kl_test", "The sign is wrong"),
    Wrong(
        "kl_to_prior",
        "mean over the code",
        [(".sum(1)", ".mean(1)")],
        "kl_test",
        "mean over the entries of the code",
    ),
    Wrong(
        "kl_to_prior",
        "summed over the batch",
        [(".sum(1)", ".sum(0)")],
        "kl_test",
        "summed over the batch",
    ),
    Wrong(
        "kl_to_prior", "not summed", [(".sum(1)", "")], "kl_test", "one value for each"
    ),
    Wrong(
        "kl_to_prior",
        "summed over everything",
        [(".sum(1)", ".sum()")],
        "kl_test",
        "one number for the whole batch",
    ),
    Wrong("kl_to_prior", "half missing", [("0.5 *", "")], "kl_test", "½ is missing"),
    Wrong(
        "kl_to_prior",
        "logvar taken for log sigma",
        [(KL, "(0.5 * (mu**2 + (2 * logvar).exp() - 1) - logvar).sum(1)")],
        "kl_test",
        "taken for log sigma",
    ),
    Wrong(
        "kl_to_prior",
        "the other way round",
        [(KL, "0.5 * ((1 + mu**2) / logvar.exp() - 1 + logvar).sum(1)")],
        "kl_test",
        "the other way round",
    ),
    Wrong(
        "kl_to_prior", "mu not squared", [("mu**2", "mu")], "kl_test", "square of mu"
    ),
    Wrong("kl_to_prior", "mu forgotten", [("mu**2 + ", "")], "kl_test", "Where is mu"),
    Wrong("kl_to_prior", "1 forgotten", [(" - 1", "")], "kl_test", "Where is the −1"),
    Wrong(
        "kl_to_prior",
        "sign of the logarithm",
        [("- 1 - logvar", "- 1 + logvar")],
        "kl_test",
        "sign of the logvar is wrong",
    ),
    Wrong(
        "kl_to_prior",
        "detached",
        [("mu**2 + logvar.exp()", "mu.data**2 + logvar.detach().exp()")],
        "kl_test",
        "No gradient gets through kl_to_prior",
    ),
    Wrong(
        "bernoulli_nll",
        "mean over the pixels",
        [(".sum(1)", ".mean(1)")],
        "bernoulli_nll_test",
        "mean over the pixels",
    ),
    Wrong(
        "bernoulli_nll",
        "one number",
        [(".sum(1)", ".sum()")],
        "bernoulli_nll_test",
        "one number for the whole batch",
    ),
    Wrong(
        "bernoulli_nll",
        "mean over everything",
        [(".sum(1)", ".mean()")],
        "bernoulli_nll_test",
        "one number for the whole batch, a mean",
    ),
    Wrong(
        "bernoulli_nll",
        "summed over the batch",
        [(".sum(1)", ".sum(0)")],
        "bernoulli_nll_test",
        "summed over the batch",
    ),
    Wrong(
        "bernoulli_nll",
        "sign",
        [("return (", "return -(")],
        "bernoulli_nll_test",
        "The sign is wrong",
    ),
    Wrong(
        "bernoulli_nll",
        "sigmoid twice",
        [("    return", "    logits = torch.sigmoid(logits)\n    return")],
        "bernoulli_nll_test",
        "sigmoid is applied twice",
    ),
    Wrong(
        "bernoulli_nll",
        "only the ink",
        [(NLL, "-(x * F.logsigmoid(logits)).sum(1)")],
        "bernoulli_nll_test",
        "The paper is forgotten",
    ),
    Wrong(
        "bernoulli_nll",
        "ink and paper swapped",
        [("x * logits", "(1 - x) * logits")],
        "bernoulli_nll_test",
        "Ink and paper are swapped",
    ),
    Wrong(
        "bernoulli_nll",
        "1 − x forgotten",
        [(NLL, "-(x * F.logsigmoid(logits) + F.logsigmoid(-logits)).sum(1)")],
        "bernoulli_nll_test",
        r"Is log \(1 − p\) multiplied by 1 − x",
    ),
    Wrong(
        "bernoulli_nll",
        "logarithm of a rounded probability",
        [
            (
                "    return " + NLL,
                "    p = torch.sigmoid(logits)\n"
                "    return -(x * p.log() + (1 - x) * (1 - p).log()).sum(1)",
            )
        ],
        "bernoulli_nll_test",
        "for logits of ±50 is wrong.*(infinite|NaN)|for logits of ±1000",
    ),
    Wrong(
        "bernoulli_nll",
        "a little added to the probability",
        [
            (
                "    return " + NLL,
                "    p = torch.sigmoid(logits)\n    e = 1e-12\n"
                "    return -(x * (p + e).log() + (1 - x) * (1 - p + e).log()).sum(1)",
            )
        ],
        "bernoulli_nll_test",
        "for logits of ±50 is wrong",
    ),
    Wrong(
        "bernoulli_nll",
        "exp overflows",
        [("F.softplus(logits)", "(1 + logits.exp()).log()")],
        "bernoulli_nll_test",
        "for logits of ±1000 is wrong.*(infinite|NaN)",
    ),
    Wrong(
        "bernoulli_nll",
        "detached",
        [("    return", "    logits = logits.detach()\n    return")],
        "bernoulli_nll_test",
        "No gradient gets through bernoulli_nll",
    ),
]

VAES = [
    Wrong(
        "vae",
        "mean and log-variance swapped",
        [
            (
                "return self.to_mu(h), self.to_logvar(h)",
                "return self.to_logvar(h), self.to_mu(h)",
            )
        ],
        "vae_test",
        "mu and logvar are swapped",
    ),
    Wrong(
        "vae",
        "no ReLU in the encoder",
        [("F.relu(self.encoder(x))", "self.encoder(x)")],
        "vae_test",
        "ReLU after the encoder is missing",
    ),
    Wrong(
        "vae",
        "no ReLU in the decoder",
        [("F.relu(self.decoder(z))", "self.decoder(z)")],
        "vae_test",
        "ReLU after the decoder is missing",
    ),
    Wrong(
        "vae",
        "ReLU after mean and log-variance",
        [
            (
                "return self.to_mu(h), self.to_logvar(h)",
                "return F.relu(self.to_mu(h)), F.relu(self.to_logvar(h))",
            )
        ],
        "vae_test",
        "no ReLU after to_mu",
    ),
    Wrong(
        "vae",
        "exp of the log-variance",
        [("self.to_logvar(h)\n", "self.to_logvar(h).exp()\n")],
        "vae_test",
        "no exp after to_logvar",
    ),
    Wrong(
        "vae",
        "decoder ends in a sigmoid",
        [
            (
                "return self.to_logits(F.relu(self.decoder(z)))",
                "return self.to_logits(F.relu(self.decoder(z))).sigmoid()",
            )
        ],
        "vae_test",
        "decode returns logits: no sigmoid",
    ),
    Wrong(
        "vae",
        "another name",
        [
            ("self.to_logits = nn.Linear", "self.output = nn.Linear"),
            ("self.to_logits(F", "self.output(F"),
        ],
        "vae_test",
        "parameter output.weight, which the text does not have",
    ),
    Wrong(
        "vae",
        "one layer for mean and log-variance",
        [
            ("        self.to_logvar = nn.Linear(hidden, latent)\n", ""),
            ("self.to_logvar(h)", "self.to_mu(h)"),
        ],
        "vae_test",
        "VAE has no to_logvar",
    ),
    Wrong(
        "vae",
        "draws when it reconstructs",
        [
            ("mu, _ = self.encode(x)", "mu = reparameterise(*self.encode(x))"),
        ],
        "vae_test",
        "must not draw: use the mean code",
    ),
    Wrong(
        "vae",
        "reconstruction without sigmoid",
        [("torch.sigmoid(self.decode(mu))", "self.decode(mu)")],
        "vae_test",
        r"reconstruct\(x\) is wrong. It returns logits",
    ),
    Wrong(
        "vae",
        "forward returns probabilities",
        [
            (
                "self.decode(reparameterise(mu, logvar))",
                "torch.sigmoid(self.decode(reparameterise(mu, logvar)))",
            )
        ],
        "vae_test",
        "forward must return logits: no sigmoid",
    ),
    Wrong(
        "vae",
        "no draw in forward",
        [("reparameterise(mu, logvar)", "mu")],
        "vae_test",
        "forward draws no codes in training mode",
    ),
    Wrong(
        "vae",
        "no draw in the mode for use",
        [
            (
                "reparameterise(mu, logvar)",
                "reparameterise(mu, logvar) if self.training else mu",
            )
        ],
        "vae_test",
        "forward draws no codes in the mode for use",
    ),
    Wrong(
        "vae",
        "code returned in place of the mean",
        [
            (
                "        return self.decode(reparameterise(mu, logvar)), mu, logvar",
                "        z = reparameterise(mu, logvar)\n"
                "        return self.decode(z), z, logvar",
            )
        ],
        "vae_test",
        r"mu, of \(logits, mu, logvar\)",
    ),
    Wrong(
        "vae",
        "draw returns logits",
        [("torch.sigmoid(self.decode(z))", "self.decode(z)")],
        "vae_test",
        "draw must return probabilities",
    ),
    Wrong(
        "vae",
        "draw has one code for all",
        [
            (
                "torch.randn(n, self.to_mu.out_features)",
                "torch.randn(1, self.to_mu.out_features).expand(n, -1)",
            )
        ],
        "vae_test",
        "All pictures of draw are the same",
    ),
    Wrong(
        "vae",
        "draw takes uniform codes",
        [("torch.randn(n,", "torch.rand(n,")],
        "vae_test",
        "must be standard normal: their mean",
    ),
    Wrong(
        "vae",
        "weights start at 0",
        [
            (
                "        self.to_logits = nn.Linear(hidden, d_in)\n",
                "        self.to_logits = nn.Linear(hidden, d_in)\n"
                "        for p in self.parameters():\n            nn.init.zeros_(p)\n",
            )
        ],
        "vae_training_test",
        "150|155.*it says nothing of the picture",
    ),
    Wrong(
        "negative_elbo",
        "divergence subtracted",
        [(") + kl", ") - kl")],
        "negative_elbo_test",
        "divergence is subtracted",
    ),
    Wrong(
        "negative_elbo",
        "the bound itself",
        [("return (", "return -(")],
        "negative_elbo_test",
        "It is the ELBO",
    ),
    Wrong(
        "negative_elbo",
        "no divergence",
        [(" + kl_to_prior(mu, logvar)", "")],
        "negative_elbo_test",
        "divergence is left out",
    ),
    Wrong(
        "negative_elbo",
        "sum over the pictures",
        [(".mean()", ".sum()")],
        "negative_elbo_test",
        "sum over the pictures, not the mean",
    ),
    Wrong(
        "negative_elbo",
        "one value for each picture",
        [(".mean()", "")],
        "negative_elbo_test",
        "one value for each picture|grad can be implicitly created only for scalar",
    ),
    Wrong(
        "negative_elbo",
        "mean over the pixels, too",
        [("bernoulli_nll(logits, x)", "bernoulli_nll(logits, x) / x.shape[1]")],
        "negative_elbo_test",
        "likelihood is averaged over the pixels",
    ),
    Wrong(
        "negative_elbo",
        "everything by pixels",
        [(".mean()", ".mean() / x.shape[1]")],
        "negative_elbo_test",
        "divided by the number of pixels, too",
    ),
    Wrong(
        "negative_elbo",
        "divergence summed over the batch",
        [("kl_to_prior(mu, logvar)", "kl_to_prior(mu, logvar).sum()")],
        "negative_elbo_test",
        "divergence is summed over the batch",
    ),
    Wrong(
        "negative_elbo",
        "arguments swapped",
        [("bernoulli_nll(logits, x)", "bernoulli_nll(x, logits)")],
        "negative_elbo_test",
        "is wrong",
    ),
    Wrong(
        "negative_elbo",
        "likelihood of probabilities",
        [("bernoulli_nll(logits, x)", "bernoulli_nll(torch.sigmoid(logits), x)")],
        "negative_elbo_test",
        "The logits went through a sigmoid, in forward or here",
    ),
    Wrong(
        "negative_elbo",
        "divergence outside autograd",
        [("kl_to_prior(mu, logvar)", "kl_to_prior(mu, logvar).detach()")],
        "negative_elbo_test",
        "No gradient gets through to to_logvar.weight|the gradient of negative_elbo by",
    ),
    Wrong(
        "negative_elbo",
        "a number",
        [(".mean()", ".mean().item()")],
        "negative_elbo_test",
        "AttributeError",
    ),
    Wrong(
        "negative_elbo",
        "labels not passed on",
        [("logvar = model(x, *labels)", "logvar = model(x)")],
        "cvae_training_test",
        "missing 1 required positional argument: 'y'",
    ),
    Wrong(
        "cvae",
        "encoder not told",
        [
            (
                "F.one_hot(y, self.classes).to(x.dtype)",
                "torch.zeros(len(y), self.classes)",
            )
        ],
        "cvae_test",
        r"encode\(x, y\) is wrong. The label is not told",
    ),
    Wrong(
        "cvae",
        "decoder not told",
        [
            (
                "F.one_hot(y, self.classes).to(z.dtype)",
                "torch.zeros(len(y), self.classes)",
            )
        ],
        "cvae_test",
        r"decode\(z, y\) is wrong. The label is not told",
    ),
    Wrong(
        "cvae",
        "decoder made for the code alone",
        [
            ("nn.Linear(latent + classes, hidden)", "nn.Linear(latent, hidden)"),
            ("torch.cat([z, told], 1)", "z"),
        ],
        "cvae_test",
        r"decoder.weight has shape \(5, 2\), expected \(5, 6\)",
    ),
    Wrong(
        "cvae",
        "label on the left",
        [("[x, told]", "[told, x]")],
        "cvae_test",
        "one-hot row comes after, on the right",
    ),
    Wrong(
        "cvae",
        "code on the right",
        [("[z, told]", "[told, z]")],
        "cvae_test",
        r"decode\(z, y\) is wrong. The one-hot row comes after",
    ),
    Wrong(
        "cvae",
        "labels from 1",
        [
            (
                "F.one_hot(y, self.classes).to(x.dtype)",
                "F.one_hot((y + 1) % self.classes, self.classes).to(x.dtype)",
            )
        ],
        "cvae_test",
        "one place too far to the right",
    ),
    Wrong(
        "cvae",
        "as many classes as labels in the batch",
        [("F.one_hot(y, self.classes).to(x.dtype)", "F.one_hot(y).to(x.dtype)")],
        "cvae_test",
        "shapes cannot be multiplied",
    ),
    Wrong(
        "cvae",
        "one-hot of integers",
        [
            (
                "told = F.one_hot(y, self.classes).to(x.dtype)",
                "told = F.one_hot(y, self.classes)[:1].expand(len(y), -1)",
            )
        ],
        "cvae_test",
        "Every row has the label of the first",
    ),
    Wrong(
        "cvae",
        "label as a number",
        [
            (
                "told = F.one_hot(y, self.classes).to(x.dtype)",
                "told = torch.zeros(len(y), self.classes)\n        told[:, 0] = y",
            )
        ],
        "cvae_test",
        "The label itself is appended: it is to be one-hot",
    ),
    Wrong(
        "cvae",
        "draw returns logits",
        [("torch.sigmoid(self.decode(z, y))", "self.decode(z, y)")],
        "cvae_test",
        "draw must return probabilities",
    ),
    Wrong(
        "cvae",
        "no draw in forward",
        [("reparameterise(mu, logvar)", "mu")],
        "cvae_test",
        "forward must draw a code for each picture",
    ),
    Wrong(
        "cvae",
        "no draw in the mode for use",
        [
            (
                "reparameterise(mu, logvar)",
                "reparameterise(mu, logvar) if self.training else mu",
            )
        ],
        "cvae_test",
        "in each call anew, in both modes",
    ),
    Wrong(
        "cvae",
        "forward returns probabilities",
        [
            (
                "self.decode(reparameterise(mu, logvar), y)",
                "torch.sigmoid(self.decode(reparameterise(mu, logvar), y))",
            )
        ],
        "cvae_test",
        "forward returns logits: no sigmoid",
    ),
    Wrong(
        "cvae",
        "draw takes labels of its own",
        [("self.decode(z, y))", "self.decode(z, y.flip(0)))")],
        "cvae_test",
        "label that the decoder is told by draw",
    ),
    Wrong(
        "cvae",
        "draw has one code for all",
        [
            (
                "torch.randn(len(y), self.to_mu.out_features)",
                "torch.randn(1, self.to_mu.out_features).expand(len(y), -1)",
            )
        ],
        "cvae_test",
        "All pictures of draw have the same code",
    ),
    Wrong(
        "cvae",
        "weights start at 0",
        [
            (
                "        self.to_logits = nn.Linear(hidden, d_in)\n",
                "        self.to_logits = nn.Linear(hidden, d_in)\n"
                "        for p in self.parameters():\n            nn.init.zeros_(p)\n",
            )
        ],
        "cvae_training_test",
        "are like the digit that was asked for",
    ),
]

WRONG = [*OPTIMISERS, *SCHEDULE, *LOOP, *TRAINER, *TERMS, *VAES]

RIGHT = [
    Right(
        "sgd",
        "one dict of state for each parameter",
        """
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
    ),
    Right(
        "sgd",
        "by .data, with velocities of None at first",
        """
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
    ),
    Right(
        "adam",
        "derived from SGD, corrections in the step size",
        """
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
    ),
    Right(
        "adam",
        "counters as tensors, state by number",
        """
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
    ),
    Right(
        "learning_rate",
        "as fractions",
        """
def learning_rate(step, peak, warmup, total):
    if step >= warmup:
        part = min(1.0, (step - warmup) / max(1, total - warmup))
        return 0.5 * peak * (1 + math.cos(math.pi * part))
    return peak * ((step + 1) / warmup)
""",
    ),
    Right(
        "learning_rate",
        "by the square of a cosine",
        """
def learning_rate(step, peak, warmup, total):
    rise = (step + 1) / warmup if warmup > 0 else 1.0
    if rise <= 1.0 and warmup > 0:
        return rise * peak
    if total <= step:
        return 0
    return peak * math.cos(math.pi / 2 * (step - warmup) / (total - warmup)) ** 2
""",
    ),
    Right(
        "clip_grad_norm",
        "one long vector, a small number added, a tensor returned",
        """
def clip_grad_norm(params, max_norm):
    params = [p for p in params if p.grad is not None]
    norm = torch.cat([p.grad.flatten() for p in params]).norm()
    factor = (max_norm / (norm + 1e-6)).clamp(max=1.0)
    for p in params:
        p.grad = p.grad * factor
    return norm
""",
    ),
    Right(
        "clip_grad_norm",
        "norm of the norms",
        """
def clip_grad_norm(params, max_norm):
    params = list(params)
    norms = [p.grad.norm() for p in params if p.grad is not None]
    norm = torch.stack(norms).norm().item()
    scale = min(1.0, max_norm / norm) if norm > 0 else 1.0
    with torch.no_grad():
        for p in params:
            if p.grad is not None:
                p.grad *= scale
    return norm
""",
    ),
    Right(
        "evaluate",
        "decorated, with the byhand batches",
        """
@torch.no_grad()
def evaluate(model, loss_fn, tensors, batch_size):
    mode, total, count = model.training, 0.0, 0
    model.train(False)
    for batch in data.batches(*tensors, batch_size=batch_size):
        n = batch[0].shape[0]
        total, count = total + n * float(loss_fn(model, *batch)), count + n
    if mode:
        model.train()
    return total / count
""",
    ),
    Right(
        "evaluate",
        "inference mode, slices, each module's own mode",
        """
def evaluate(model, loss_fn, tensors, batch_size):
    modes = [(m, m.training) for m in model.modules()]
    model.eval()
    N, losses = len(tensors[0]), []
    with torch.inference_mode():
        for start in range(0, N, batch_size):
            batch = [t[start : start + batch_size] for t in tensors]
            losses.append(loss_fn(model, *batch).double() * len(batch[0]) / N)
    for module, training in modes:
        module.training = training
    return torch.stack(losses).sum().item()
""",
    ),
    Right(
        "update",
        "gradients scaled at the end",
        """
def update(model, loss_fn, optimiser, tensors, micro_size, max_norm):
    optimiser.zero_grad()
    N, total = tensors[0].shape[0], 0.0
    for start in range(0, N, micro_size):
        part = [t[start : start + micro_size] for t in tensors]
        loss = loss_fn(model, *part) * len(part[0])
        loss.backward()
        total += loss.item()
    for p in model.parameters():
        if p.grad is not None:
            p.grad /= N
    clip_grad_norm(model.parameters(), max_norm)
    optimiser.step()
    return total / N
""",
    ),
    Right(
        "update",
        "by torch.autograd.grad",
        """
def update(model, loss_fn, optimiser, tensors, micro_size, max_norm):
    params = list(model.parameters())
    sums, mean, N = [torch.zeros_like(p) for p in params], 0.0, len(tensors[0])
    for part in zip(*[torch.split(t, micro_size) for t in tensors]):
        share = part[0].size(0) / N
        loss = loss_fn(model, *part)
        for total, grad in zip(sums, torch.autograd.grad(loss, params)):
            total += share * grad
        mean += share * float(loss.detach())
    optimiser.zero_grad()
    for p, total in zip(params, sums):
        p.grad = total
    clip_grad_norm(params, max_norm)
    optimiser.step()
    return mean
""",
    ),
    Right(
        "trainer",
        "counters kept, a best loss of infinity",
        """
class Trainer:
    def __init__(
        self, model, loss_fn, optimiser, train_set, val_set, epochs, batch_size,
        micro_size, lr, warmup, max_norm, patience, seed=0,
    ):
        self.model, self.loss_fn, self.optimiser = model, loss_fn, optimiser
        self.train_set, self.val_set, self.epochs = train_set, val_set, epochs
        self.batch_size, self.micro_size = batch_size, micro_size
        self.lr, self.warmup, self.max_norm = lr, warmup, max_norm
        self.patience = patience
        self.losses = []
        self.over = False
        self.g = torch.Generator()
        self.g.manual_seed(seed)
        self.k = self.bad = 0
        self.best_loss, self.best = math.inf, {}

    def run(self, epochs=None):
        done = 0
        while not self.over and (epochs is None or done < epochs):
            done += 1
            self.model.train()
            sets = self.train_set
            total = self.epochs * -(-len(sets[0]) // self.batch_size)
            for batch in data.batches(
                *sets, batch_size=self.batch_size, shuffle=True, generator=self.g
            ):
                self.optimiser.lr = learning_rate(self.k, self.lr, self.warmup, total)
                update(self.model, self.loss_fn, self.optimiser, batch, self.micro_size, self.max_norm)
                self.k += 1
            loss = evaluate(self.model, self.loss_fn, self.val_set, self.batch_size)
            self.losses += [loss]
            if loss < self.best_loss:
                self.best_loss, self.bad = loss, 0
                self.best = {k: v.clone() for k, v in self.model.state_dict().items()}
            else:
                self.bad += 1
            if self.bad == self.patience or len(self.losses) == self.epochs:
                self.over = True
                self.model.load_state_dict(self.best)

    def state_dict(self):
        kept = {k: getattr(self, k) for k in ("losses", "over", "k", "bad", "best_loss", "best")}
        return copy.deepcopy(
            {
                "kept": kept,
                "model": dict(self.model.state_dict()),
                "optimiser": self.optimiser.state_dict(),
                "generators": [self.g.get_state(), torch.get_rng_state()],
            }
        )

    def load_state_dict(self, state):
        for name, value in copy.deepcopy(state["kept"]).items():
            setattr(self, name, value)
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        mine, torchs = state["generators"]
        self.g.set_state(mine)
        torch.set_rng_state(torchs)
""",
    ),
    Right(
        "trainer",
        "orders drawn anew from the beginning, data shuffled as a whole",
        """
class Trainer:
    def __init__(
        self, model, loss_fn, optimiser, train_set, val_set, epochs, batch_size,
        micro_size, lr, warmup, max_norm, patience, seed=0,
    ):
        self.model, self.loss_fn, self.optimiser = model, loss_fn, optimiser
        self.train_set, self.val_set, self.epochs = train_set, val_set, epochs
        self.batch_size, self.micro_size = batch_size, micro_size
        self.lr, self.warmup, self.max_norm = lr, warmup, max_norm
        self.patience, self.seed = patience, seed
        self.losses = []
        self.over = False
        self.states = []

    def order(self, epoch):
        g = torch.Generator().manual_seed(self.seed)
        for _ in range(epoch + 1):
            rows = torch.randperm(len(self.train_set[0]), generator=g)
        return rows

    def run(self, epochs=None):
        left = self.epochs if epochs is None else epochs
        while left > 0 and not self.over:
            left -= 1
            rows = self.order(len(self.losses))
            shuffled = [t[rows] for t in self.train_set]
            batches = list(zip(*(t.split(self.batch_size) for t in shuffled)))
            first, total = len(self.losses) * len(batches), self.epochs * len(batches)
            for k, batch in enumerate(batches):
                self.model.train()
                self.optimiser.lr = learning_rate(first + k, self.lr, self.warmup, total)
                update(
                    self.model, self.loss_fn, self.optimiser,
                    batch, self.micro_size, self.max_norm,
                )
            self.losses.append(
                evaluate(self.model, self.loss_fn, self.val_set, self.batch_size)
            )
            self.states.append(copy.deepcopy(self.model.state_dict()))
            self.finish()

    def finish(self):
        lowest = min(self.losses)
        before = self.losses[: -self.patience]
        stop = bool(before) and min(before) <= min(self.losses[-self.patience :])
        if stop or len(self.losses) >= self.epochs:
            self.over = True
            self.model.load_state_dict(self.states[self.losses.index(lowest)])

    def state_dict(self):
        return {
            "losses": list(self.losses),
            "over": self.over,
            "states": copy.deepcopy(self.states),
            "now": copy.deepcopy(self.model.state_dict()),
            "optimiser": self.optimiser.state_dict(),
            "random": torch.get_rng_state(),
        }

    def load_state_dict(self, state):
        self.losses, self.over = list(state["losses"]), state["over"]
        self.states = copy.deepcopy(state["states"])
        self.model.load_state_dict(state["now"])
        self.optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["random"])
""",
    ),
    Right(
        "reparameterise",
        "root of the variance",
        """
def reparameterise(mu, logvar, eps=None):
    noise = torch.randn(mu.shape, dtype=mu.dtype) if eps is None else eps
    return mu + noise * logvar.exp().sqrt()
""",
    ),
    Right(
        "reparameterise",
        "addcmul",
        """
def reparameterise(mu, logvar, eps=None):
    if eps is None:
        eps = torch.empty_like(mu).normal_()
    sigma = (logvar / 2).exp()
    return torch.addcmul(mu, sigma, eps)
""",
    ),
    Right(
        "kl_to_prior",
        "with the minus in front",
        """
def kl_to_prior(mu, logvar):
    return -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=-1)
""",
    ),
    Right(
        "kl_to_prior",
        "expm1 and einsum",
        """
def kl_to_prior(mu, logvar):
    return (torch.einsum("nk,nk->n", mu, mu) + (torch.expm1(logvar) - logvar).sum(1)) / 2
""",
    ),
    Right(
        "bernoulli_nll",
        "two logsigmoids",
        """
def bernoulli_nll(logits, x):
    log_p, log_not_p = F.logsigmoid(logits), F.logsigmoid(-logits)
    return -(x * log_p + (1 - x) * log_not_p).sum(dim=-1)
""",
    ),
    Right(
        "bernoulli_nll",
        "softplus by hand",
        """
def bernoulli_nll(logits, x):
    softplus = logits.clamp(min=0) + torch.log1p(torch.exp(-logits.abs()))
    return (softplus - logits * x).sum(1)
""",
    ),
    Right(
        "bernoulli_nll",
        "logaddexp",
        """
def bernoulli_nll(logits, x):
    each = torch.logaddexp(logits, torch.zeros_like(logits)) - x * logits
    return torch.einsum("nd->n", each)
""",
    ),
    Right(
        "vae",
        "ReLU by clamp, no autograd in draw",
        """
class VAE(nn.Module):
    def __init__(self, d_in, hidden, latent):
        super().__init__()
        self.latent = latent
        self.to_logits = nn.Linear(hidden, d_in)
        self.decoder = nn.Linear(latent, hidden)
        self.to_mu, self.to_logvar = (nn.Linear(hidden, latent) for _ in range(2))
        self.encoder = nn.Linear(d_in, hidden)
        self.relu = nn.ReLU()

    def encode(self, x):
        h = self.encoder(x).clamp(min=0)
        mu, logvar = self.to_mu(h), self.to_logvar(h)
        return mu, logvar

    def decode(self, z):
        return self.to_logits(self.relu(self.decoder(z)))

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = reparameterise(mu, logvar)
        return self.decode(z), mu, logvar

    @torch.no_grad()
    def reconstruct(self, x):
        return self.decode(self.encode(x)[0]).sigmoid()

    @torch.no_grad()
    def draw(self, n):
        return 1 / (1 + torch.exp(-self.decode(torch.randn(n, self.latent))))
""",
    ),
    Right(
        "vae",
        "noise and prior by way of reparameterise",
        """
class VAE(nn.Module):
    def __init__(self, d_in, hidden, latent):
        super().__init__()
        sizes = {"encoder": (d_in, hidden), "decoder": (latent, hidden)}
        sizes |= {"to_mu": (hidden, latent), "to_logvar": (hidden, latent)}
        for name, size in (sizes | {"to_logits": (hidden, d_in)}).items():
            self.add_module(name, nn.Linear(*size))
        self.latent = latent

    def encode(self, x):
        h = torch.relu(self.encoder(x))
        return self.to_mu(h), self.to_logvar(h)

    def decode(self, z):
        return self.to_logits(torch.relu(self.decoder(z)))

    def forward(self, x):
        mu, logvar = self.encode(x)
        eps = torch.randn_like(logvar)
        return self.decode(reparameterise(mu, logvar, eps)), mu, logvar

    def reconstruct(self, x):
        return torch.sigmoid(self.decode(self.encode(x)[0]))

    def draw(self, n):
        zeros = torch.zeros(n, self.latent)
        return torch.sigmoid(self.decode(reparameterise(zeros, zeros)))
""",
    ),
    Right(
        "negative_elbo",
        "two means",
        """
def negative_elbo(model, x, *labels):
    logits, mu, logvar = model(x, *labels)
    reconstruction = bernoulli_nll(logits, x).mean()
    divergence = kl_to_prior(mu, logvar).mean()
    return reconstruction + divergence
""",
    ),
    Right(
        "negative_elbo",
        "sum over the number of pictures",
        """
def negative_elbo(model, x, *labels):
    logits, *code = model.forward(x, *labels)
    elbo = -bernoulli_nll(logits, x) - kl_to_prior(*code)
    return -elbo.sum() / x.shape[0]
""",
    ),
    Right(
        "cvae",
        "derived from VAE",
        """
class ConditionalVAE(VAE):
    def __init__(self, d_in, hidden, latent, classes):
        super().__init__(d_in, hidden, latent)
        self.latent, self.classes = latent, classes
        self.encoder = nn.Linear(d_in + classes, hidden)
        self.decoder = nn.Linear(latent + classes, hidden)

    def tell(self, value, y):
        return torch.cat([value, torch.eye(self.classes)[y]], dim=1)

    def encode(self, x, y):
        return super().encode(self.tell(x, y))

    def decode(self, z, y):
        return super().decode(self.tell(z, y))

    def forward(self, x, y):
        mu, logvar = self.encode(x, y)
        return self.decode(reparameterise(mu, logvar), y), mu, logvar

    def draw(self, y):
        return self.decode(torch.randn(y.shape[0], self.latent), y).sigmoid()
""",
    ),
    Right(
        "cvae",
        "one-hot by comparison",
        [
            (
                "F.one_hot(y, self.classes).to(x.dtype)",
                "(y[:, None] == torch.arange(self.classes)).float()",
            ),
            (
                "F.one_hot(y, self.classes).to(z.dtype)",
                "z.new_zeros(len(y), self.classes).scatter_(1, y[:, None], 1.0)",
            ),
        ],
    ),
]
