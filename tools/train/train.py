"""Trains lasso-tiny: `python train.py --state DIR --minutes M --total-minutes T [--resume]`.

Every step encodes each picture of a batch of rendered scenes once and decodes several objects of it over two or three
rounds: a click or a box first, then clicks from the error with the previous mask as input. The learning rate follows a
cosine over the total training time, so that a run may be split: --resume goes on from the state in DIR. On several
GPUs, `torchrun --nproc-per-node N train.py ...` gives each its own scenes and averages their gradients; --batch is for
each of them.
"""

import argparse
import json
import math
import os
import pathlib
import time

import torch
import torch.distributed

import losses
import muon
import prompts
import sam
import scene_params
import scenes

MAX_ROUNDS = 3  # of prompts per object; every other step has one less
USES = 4  # steps per rendered batch


class SceneStream(torch.utils.data.IterableDataset):
    """Descriptions of training scenes; seeds are drawn below the ones reserved for evaluation."""

    def __init__(self, batch, start):
        self.batch, self.start = batch, start  # start tells the streams of different runs and processes apart

    def __iter__(self):
        worker = torch.utils.data.get_worker_info()
        torch.set_num_threads(1)
        source = torch.Generator().manual_seed(1_000_003 * self.start + worker.id)
        while True:
            seeds = torch.randint(scene_params.EVAL_SEED, (self.batch,), generator=source)
            yield scene_params.sample_scenes(seeds.tolist())


def process():
    """Rank and number of the processes that torchrun started; 0 and 1 without it."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def average_gradients(parameters):
    """Replaces each process's gradients by their mean."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])
    torch.distributed.all_reduce(flat)
    pieces = (flat / process()[1]).split([g.numel() for g in gradients])
    torch._foreach_copy_(gradients, [piece.view_as(g) for piece, g in zip(pieces, gradients)])


def agree(values, device):
    """Process 0's numbers, in all processes: clocks differ, the schedule must not."""
    if process()[1] == 1:
        return values
    shared = torch.tensor(values, dtype=torch.float64, device=device)
    torch.distributed.broadcast(shared, 0)
    return shared.tolist()


def split_parameters(model):
    """Hidden linear layers for Muon, as (weight, pieces) with queries, keys and values apart; the rest for AdamW."""
    matrices = [(module.weight, 3 if name.endswith("qkv") else 1) for name, module in model.named_modules()
                if isinstance(module, torch.nn.Linear) and min(module.weight.shape) >= 64]
    taken = {id(weight) for weight, _ in matrices}
    return matrices, [p for p in model.parameters() if id(p) not in taken]


class Trainer:
    def __init__(self, options, device):
        self.options, self.device = options, device
        self.model = sam.initialise(sam.Sam()).to(device)
        self.average = sam.Sam().to(device)
        self.average.load_state_dict(self.model.state_dict())
        matrices, rest = split_parameters(self.model)
        self.muon = muon.Muon(matrices, weight_decay=options.weight_decay)
        self.adam = torch.optim.AdamW(rest, lr=options.lr, betas=(0.9, 0.98), weight_decay=0.0,
                                      fused=device.type == "cuda")
        compiled = device.type == "cuda" and not options.eager
        wrap = (lambda f: torch.compile(f, dynamic=False)) if compiled else (lambda f: f)
        self.render = scenes.Renderer(device, 512, compiled)
        self.encode, self.decode = wrap(self.model.encode), wrap(self.decode_round)
        self.error_click, self.first_prompt = wrap(prompts.error_click), wrap(self.make_first_prompt)
        self.half_masks = wrap(prompts.half_masks)
        self.step_count, self.warm_steps, self.seconds, self.log = 0, 0, 0.0, []

    def decode_round(self, image, coords, labels, mask_input, has_mask, cells, ambiguous):
        logits, estimates = self.model.decode_tokens(image, coords, labels, mask_input, has_mask)
        loss, iou = losses.prompt_loss(logits, estimates, cells, ambiguous)
        # What the next round sees: the candidate that the model itself thinks best after one click, else mask 0.
        detached, rows = logits.detach(), torch.arange(len(logits), device=logits.device)
        choice = torch.where(ambiguous, 1 + estimates.detach()[:, 1:].argmax(1), 0)
        kept = detached[rows, choice].float()
        return loss, iou, kept[:, None].clamp(-32.0, 32.0), losses.double(kept[:, None])[:, 0] > 0.0

    @staticmethod
    def make_first_prompt(cells, is_box):
        """Two tokens per prompt: a click and the padding point, or the corners of a box."""
        click = torch.stack((prompts.first_click(cells), torch.full((len(cells), 2), -0.5, device=cells.device)), 1)
        # Half of the boxes are tight; the others are as careless as a hand.
        careless = (torch.rand(len(cells), 1, device=cells.device) < 0.5).float()
        jitter = careless * 0.12 * torch.rand(len(cells), 1, device=cells.device)
        corners = prompts.boxes(cells, jitter).view(-1, 2, 2)
        coords = torch.where(is_box[:, None, None], corners, click)
        labels = torch.where(is_box[:, None], torch.tensor((2, 3), device=cells.device),
                             torch.tensor((1, -1), device=cells.device))
        return coords, labels

    def losses_of(self, scene, labelled):
        """The mean loss over all prompts and rounds of a batch of scenes, and the mean IoUs of each kind of prompt."""
        number, rounds = self.options.objects, MAX_ROUNDS - self.step_count % 2
        with torch.no_grad():
            targets = prompts.choose_targets(scene, labelled, number)
            cells = self.half_masks(scene, targets)
            prompt_count = len(cells)
            is_box = torch.rand(prompt_count, device=self.device) < 0.5
            coords, labels = self.first_prompt(cells, is_box)
            mask_input = torch.zeros(prompt_count, 1, 128, 128, device=self.device)
            has_mask = torch.zeros(prompt_count, dtype=torch.bool, device=self.device)
            pictures = sam.preprocess(scene.image, scene.frame)
        total, figures = 0.0, []
        with torch.autocast(self.device.type, torch.bfloat16):
            image = self.encode(pictures).flatten(2).transpose(1, 2).repeat_interleave(number, 0)
            image = image.to(torch.bfloat16 if image.is_cuda else image.dtype)
            for i in range(rounds):
                ambiguous = ~is_box if i == 0 else torch.zeros_like(is_box)
                loss, iou, mask_input, predicted = self.decode(image, coords, labels, mask_input, has_mask, cells,
                                                               ambiguous)
                total = total + loss.mean() / rounds
                figures.append(iou.detach())
                if i + 1 < rounds:
                    with torch.no_grad():
                        click, label = self.error_click(predicted, cells)
                        coords, labels = torch.cat((click[:, None], coords), 1), torch.cat((label[:, None], labels), 1)
                        has_mask = torch.rand(prompt_count, device=self.device) < 0.9
        first = figures[0]
        return total, torch.stack((
            torch.where(is_box, 0.0, first[:, 1:].amax(1)).sum() / (~is_box).sum().clamp(min=1),
            torch.where(is_box, first[:, 0], 0.0).sum() / is_box.sum().clamp(min=1), figures[1][:, 0].mean()))

    def learning_rate(self):
        progress = min(self.seconds / (60.0 * self.options.total_minutes), 1.0)
        warm = min((self.warm_steps + 1) / self.options.warmup, 1.0)
        return self.options.lr * warm * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * progress)))

    def step(self, scene, labelled):
        rate = self.learning_rate()
        self.adam.param_groups[0]["lr"] = rate
        self.adam.zero_grad(set_to_none=True)
        for weight in self.muon.parameters:
            weight.grad = None
        loss, figures = self.losses_of(scene, labelled)
        loss.backward()
        if process()[1] > 1:
            average_gradients(list(self.model.parameters()))
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.adam.step()
        self.muon.step(rate * self.options.muon_factor)
        self.step_count += 1
        self.warm_steps += 1
        keep = min(self.options.average, 1.0 - 5.0 / (self.step_count + 10.0))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1.0 - keep)
        return torch.cat((loss.detach()[None], norm[None], figures))

    def steps(self, batch):
        """Renders a batch of scene descriptions and uses it several times; the sum of the steps' figures."""
        scene = self.render(batch)
        labelled = batch["labelled"].to(self.device, non_blocking=True)
        return sum(self.step(scenes.variant(scene, i), labelled) for i in range(USES))

    def save(self, folder):
        """Weights and progress; their average (half precision will do: it is renewed every few thousand steps); the
        optimizers' moments. Each file stays below 16 MiB."""
        folder.mkdir(parents=True, exist_ok=True)

        def write(value, name):
            torch.save(value, folder / (name + ".part"))
            (folder / (name + ".part")).replace(folder / name)

        progress = {"step": self.step_count, "warm": self.warm_steps, "seconds": self.seconds, "log": self.log}
        write({"model": self.model.state_dict(), "progress": progress}, "model.pt")
        write({k: v.half() for k, v in self.average.state_dict().items()}, "average.pt")
        adam = {k: {n: v[n].bfloat16() for n in ("exp_avg", "exp_avg_sq")}
                for k, v in self.adam.state_dict()["state"].items()}
        momentum = [b.bfloat16() for b in self.muon.buffers.values()]
        write({"adam": adam, "muon": momentum}, "moments.pt")

    def load(self, folder):
        saved = torch.load(folder / "model.pt", map_location=self.device)
        self.model.load_state_dict(saved["model"])
        self.average.load_state_dict(torch.load(folder / "average.pt", map_location=self.device))
        progress = saved["progress"]
        self.step_count, self.seconds, self.log = progress["step"], progress["seconds"], progress["log"]
        if not (folder / "moments.pt").exists():
            return  # new moments, with a warm-up of their own
        self.warm_steps = progress["warm"]
        moments = torch.load(folder / "moments.pt", map_location=self.device)
        for buffer, value in zip(self.muon.buffers.values(), moments["muon"]):
            buffer.copy_(value)
        state = self.adam.state_dict()
        count = torch.tensor(float(self.warm_steps), device=self.device)
        state["state"] = {k: {"step": count.clone(), **{n: t.float() for n, t in v.items()}}
                          for k, v in moments["adam"].items()}
        self.adam.load_state_dict(state)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=pathlib.Path, required=True, help="folder of the training state")
    parser.add_argument("--resume", action="store_true", help="go on from the state in the folder")
    parser.add_argument("--init", type=pathlib.Path, help="start from the weights of a checkpoint (lasso-tiny.pth)")
    parser.add_argument("--save-to", type=pathlib.Path, help="write the state here instead of --state")
    parser.add_argument("--minutes", type=float, required=True, help="wall-clock time of this run, start included")
    parser.add_argument("--total-minutes", type=float, default=45.0, help="training time that the schedule spans")
    parser.add_argument("--steps", type=int, default=0, help="stop after this many steps of this run (0: by time)")
    parser.add_argument("--batch", type=int, default=32, help="scenes per step")
    parser.add_argument("--objects", type=int, default=8, help="objects asked for per scene")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--muon-factor", type=float, default=2.0, help="Muon's learning rate over AdamW's")
    parser.add_argument("--warmup", type=int, default=300, help="steps")
    parser.add_argument("--weight-decay", type=float, default=0.02)
    parser.add_argument("--average", type=float, default=0.9993, help="decay of the weights' moving average")
    parser.add_argument("--save-minutes", type=float, default=2.0, help="time between two savings of the state")
    parser.add_argument("--eager", action="store_true", help="no torch.compile")
    options = parser.parse_args()

    began = time.time()
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    rank, processes = process()
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", rank % torch.cuda.device_count())
        torch.cuda.set_device(device)
    if processes > 1:
        torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    torch.manual_seed(1 + rank)
    trainer = Trainer(options, device)
    if options.resume:
        trainer.load(options.state)
        torch.manual_seed(processes * trainer.step_count + rank)  # not the clicks of the first part again
    elif options.init:
        weights = torch.load(options.init, map_location=device)
        trainer.model.load_state_dict(weights)
        trainer.average.load_state_dict(weights)
    if processes > 1:
        for weight in (*trainer.model.parameters(), *trainer.average.parameters()):
            torch.distributed.broadcast(weight.data, 0)
    stream = SceneStream(options.batch, processes * (trainer.step_count + 1) + rank)
    loader = iter(torch.utils.data.DataLoader(stream, batch_size=None, num_workers=6, prefetch_factor=4,
                                              pin_memory=device.type == "cuda"))
    chief = rank == 0
    if chief:
        print(f"resumed at step {trainer.step_count}, {trainer.seconds:.0f} s" if options.resume else "new training",
              flush=True)
    sums, counted, clock, first_step = 0.0, 0, time.time(), trainer.step_count
    saved, stop = time.time(), False
    while not stop:
        sums = sums + trainer.steps(next(loader))
        counted += USES
        warming = trainer.step_count - first_step <= 2 * USES  # compilation is not training time
        if counted == (USES if warming else 200):
            mean = (sums / counted).tolist()
            now = time.time()
            if not warming:
                trainer.seconds += now - clock
            over = now - began > 60.0 * options.minutes or trainer.seconds >= 60.0 * options.total_minutes
            trainer.seconds, stop = agree([trainer.seconds, float(over)], device)
            trainer.log.append([trainer.step_count, round(trainer.seconds, 1)] + [round(v, 4) for v in mean])
            if chief:
                pace = 1e3 * (now - clock) / counted
                print(f"step {trainer.step_count} {trainer.seconds:.0f} s, {pace:.1f} ms/step, "
                      f"lr {trainer.learning_rate():.2e}, loss {mean[0]:.4f}, norm {mean[1]:.2f}, click {mean[2]:.4f}, "
                      f"box {mean[3]:.4f}, 2 rounds {mean[4]:.4f}", flush=True)
            if chief and now - saved > 60.0 * options.save_minutes:
                trainer.save(options.save_to or options.state)
                saved = now
            sums, counted, clock = 0.0, 0, now
        if options.steps and trainer.step_count - first_step >= options.steps:
            break
    if chief:
        trainer.save(options.save_to or options.state)
        print(json.dumps({"steps": trainer.step_count, "seconds": round(trainer.seconds)}))


if __name__ == "__main__":
    main()
