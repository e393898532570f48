"""Homework 3, the trainer."""

from tests.support.solutions import mistakes, styles

RATE = "learning_rate(step, self.lr, self.warmup, total)"

WRONG = mistakes(
    "trainer",
    "trainer_test",
    {
        "training mode forgotten": (
            {"        self.model.train()\n": ""},
            r"learns in the mode for use: call model.train\(\)",
        ),
        "learning rate never set": (
            {"            self.optimiser.lr = " + RATE + "\n": ""},
            "optimiser's own learning rate is used",
        ),
        "updates numbered from 1": (
            {
                "step = updates * len(self.losses)": (
                    "step = updates * len(self.losses) + 1"
                )
            },
            "rate is that of the second update",
        ),
        "no schedule": ({RATE: "self.lr"}, "The rate is the peak"),
        "validated on the training set": (
            {"self.loss_fn, self.val_set,": "self.loss_fn, self.train_set,"},
            "the loss of the training set",
        ),
        "run trains to the end, however many epochs are asked for": (
            {"range(self.epochs if epochs is None else epochs)": "range(self.epochs)"},
            r"After run\(1\), losses has 6 items",
        ),
        "run(0) trains to the end": (
            {"self.epochs if epochs is None else epochs": "epochs or self.epochs"},
            r"run\(0\) must train for no epoch",
        ),
        "total is the number of epochs": (
            {"total = updates * self.epochs": "total = self.epochs"},
            "The total is the number of epochs; it is that of all updates",
        ),
        "over is never said": (
            {"                self.over = True\n": ""},
            r"7 epochs are done: training ends after all 6",
        ),
        "not shuffled": (
            {"torch.randperm(N, generator=self.generator)": "torch.arange(N)"},
            "rows are not shuffled",
        ),
        "the same order in each epoch": (
            {
                "torch.randperm(N, generator=self.generator)": (
                    "torch.randperm(N, generator=self.generator.manual_seed("
                    "self.generator.initial_seed()))"
                )
            },
            "after 2 epochs.*Every epoch has the same order",
        ),
        "order by PyTorch's own generator": (
            {"torch.randperm(N, generator=self.generator)": "torch.randperm(N)"},
            "same seed gives another result",
        ),
        "order seeded by the clock": (
            {"manual_seed(seed)": "manual_seed(torch.Generator().seed())"},
            "same seed gives another result",
        ),
        "labels left behind": (
            {
                "batch = [t[rows] for t in self.train_set]": (
                    "k = step % updates * self.batch_size\n"
                    "            X, y = self.train_set\n"
                    "            batch = [X[rows], y[k : k + len(rows)]]"
                )
            },
            "labels do not follow the inputs",
        ),
        "last batch dropped": (
            {
                "            total = updates": (
                    "            if len(rows) < self.batch_size:\n"
                    "                continue\n            total = updates"
                )
            },
            "last, smaller batch is left out|is wrong",
        ),
        "schedule by epochs": (
            {
                RATE: (
                    "learning_rate(len(self.losses), self.lr, self.warmup, self.epochs)"
                )
            },
            "schedule advances by epochs",
        ),
        "schedule anew in each epoch": (
            {
                "step = updates * len(self.losses)": "step = 0",
                "total = updates * self.epochs": "total = updates",
            },
            "schedule starts anew",
        ),
        "total without the smaller batches": (
            {
                "total = updates * self.epochs": (
                    "total = N // self.batch_size * self.epochs"
                )
            },
            "leaves out the smaller batches",
        ),
        "batches in parts of batch_size": (
            {"how = self.micro_size,": "how = self.batch_size,"},
            "gave the network parts of",
        ),
        "best network put back after each run": (
            {
                "                self.model.load_state_dict(self.best)\n": (
                    "        self.model.load_state_dict(self.best)\n"
                )
            },
            "put back after each run",
        ),
        "goes on when training is over": (
            {"            if self.over:\n                return\n": ""},
            "7 epochs are done",
        ),
    },
)

WRONG += mistakes(
    "trainer",
    "early_stopping_test",
    {
        "trains only where it is looked at": (
            {
                "            update(self.model": "            N == 20 or update(self.model"
            },
            "An epoch left the network as it was: train it",
        ),
        "best network not copied": (
            {"copy.deepcopy(self.model.state_dict())": "self.model.state_dict()"},
            r"kept as a copy: what state_dict\(\) returns changes",
        ),
        "best network copied one level deep": (
            {
                "copy.deepcopy(self.model.state_dict())": (
                    "dict(self.model.state_dict())"
                )
            },
            r"kept as a copy: what state_dict\(\) returns changes",
        ),
        "best network not put back": (
            {"                self.model.load_state_dict(self.best)\n": ""},
            "should be that of the best epoch",
        ),
        "best parameters without the buffers": (
            {
                "copy.deepcopy(self.model.state_dict())": (
                    "{k: p.detach().clone() for k, p in self.model.named_parameters()}"
                ),
                "load_state_dict(self.best)": (
                    "load_state_dict(self.best, strict=False)"
                ),
            },
            "buffers should be put back too",
        ),
        "patience one epoch too long": (
            {"waited >= self.patience": "waited > self.patience"},
            "goes on after 2 epochs without a new lowest",
        ),
        "patience one epoch too short": (
            {"waited >= self.patience": "waited >= self.patience - 1"},
            "is over after",
        ),
        "no early stopping": ({"waited >= self.patience or ": ""}, "goes on after"),
        "compared with the epoch before": (
            {
                "waited = len(self.losses) - 1 - lowest\n": (
                    "drops = [b < a for a, b in zip([math.inf] + self.losses, self.losses)]\n"
                    "            waited = drops[::-1].index(True)\n"
                )
            },
            "goes on after|should be that of the best epoch",
        ),
        "the highest loss taken for the best": (
            {
                "self.losses.index(min(self.losses))": (
                    "self.losses.index(max(self.losses))"
                )
            },
            "is over after|goes on after|should be that of the best",
        ),
    },
)

WRONG += mistakes(
    "trainer",
    "resume_test",
    {
        "checkpoint without the network": (
            {'        self.model.load_state_dict(state["model"])\n': ""},
            "must give it back its parameters",
        ),
        "checkpoint without the optimiser": (
            {'        self.optimiser.load_state_dict(state["optimiser"])\n': ""},
            "Does the optimiser go on",
        ),
        "checkpoint without the order of the rows": (
            {'        self.generator.set_state(state["order"])\n': ""},
            "Does the order of the rows go on",
        ),
        "checkpoint without PyTorch's random numbers": (
            {'        torch.set_rng_state(state["random"])\n': ""},
            "Does dropout go on with the same random numbers",
        ),
        "checkpoint without the losses": (
            {
                'self.losses, self.over = state["losses"], state["over"]': (
                    'self.over = state["over"]'
                )
            },
            "must restore losses and over",
        ),
        "the latest epoch is repeated": (
            {'state["losses"], state["over"]': 'state["losses"][:-1], state["over"]'},
            "must restore losses and over",
        ),
        "checkpoint without the best network": (
            {'        self.best = state["best"]\n': ""},
            "TypeError|AttributeError|best network",
        ),
        "best network in the state is the latest one": (
            {'"best": self.best,': '"best": self.best and self.model.state_dict(),'},
            "all losses are right, but not the network at the end. Is the best network",
        ),
        "checkpoint without over": (
            {
                'self.losses, self.over = state["losses"], state["over"]': (
                    'self.losses = state["losses"]'
                )
            },
            "must restore losses and over",
        ),
        "checkpoint refers to what goes on changing": (
            {"return copy.deepcopy(state)": "return state"},
            "must copy|must give it back",
        ),
        "checkpoint of objects": (
            {
                '"optimiser": self.optimiser.state_dict()': (
                    '"optimiser": self.optimiser'
                )
            },
            "must be a dict of plain data",
        ),
    },
)

RIGHT = styles(
    "trainer",
    {
        "counters kept, a best loss of infinity": """
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
        "orders drawn anew from the beginning, data shuffled as a whole": """
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
    },
)
