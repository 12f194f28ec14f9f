"""Trains lasso-tiny-detector: `python train_detector.py --state DIR --minutes M --total-minutes T [--resume]`.

Scenes are rendered into a pool while the model trains; every step draws views of a batch of them. The learning rate
follows a cosine over the total training time, so that a run may be split: --resume goes on from the state in DIR, and
--finish lets the last part end the schedule. A moving average of the weights is what ships. With --eval FOLDER the
average is measured at the end.
"""

import argparse
import copy
import json
import math
import pathlib
import time

import torch

import detector
import detector_losses
import detector_scenes
import evaluate_detector
import muon
import scene_params
import scenes
from train import SceneStream


def new_model():
    names = list(scene_params.KINDS)
    return detector.initialise(detector.Model(detector.tiny_description(len(names)), names))


class Filters:
    """Muon for convolutions: filters are the rows of a matrix."""

    def __init__(self, model, weight_decay):
        self.weights = [m.weight for m in model.modules() if isinstance(m, torch.nn.Conv2d) and m.bias is None]
        self.rows = [torch.nn.Parameter(w.detach().flatten(1)) for w in self.weights]  # the same memory
        self.muon = muon.Muon([(r, 1) for r in self.rows], weight_decay=weight_decay)

    def step(self, rate):
        for weight, row in zip(self.weights, self.rows):
            row.grad = weight.grad.flatten(1)
        self.muon.step(rate)


class Trainer:
    def __init__(self, options, device):
        self.options, self.device = options, device
        self.model = new_model().to(device).train()
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.filters = Filters(self.model, options.weight_decay)
        taken = {id(w) for w in self.filters.weights}
        self.rest = [p for p in self.model.parameters() if id(p) not in taken]
        self.adam = torch.optim.AdamW(self.rest, lr=options.lr, betas=(0.9, 0.98), weight_decay=0.0,
                                      fused=device.type == "cuda")
        compiled = device.type == "cuda" and not options.eager
        wrap = (lambda f: torch.compile(f, dynamic=False)) if compiled else (lambda f: f)
        self.forward, self.make_views = wrap(self.model), wrap(detector_scenes.make_views)
        self.render = scenes.Renderer(device, 512, compiled)
        self.pool = detector_scenes.Pool(options.pool, device)
        self.step_count, self.seconds, self.log = 0, 0.0, []

    def learning_rate(self):
        progress = min(self.seconds / (60.0 * self.options.total_minutes), 1.0)
        warm = min((self.step_count + 1) / self.options.warmup, 1.0)
        return self.options.lr * warm * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * progress)))

    def step(self):
        rate = self.learning_rate()
        self.adam.param_groups[0]["lr"] = rate
        with torch.no_grad():
            image, boxes, kinds, valid = self.make_views(self.pool.draw(self.options.batch))
        with torch.autocast(self.device.type, torch.bfloat16):
            maps = self.forward(image.contiguous(memory_format=torch.channels_last))
        loss, figures = detector_losses.detector_loss(maps, self.model.model[-1], boxes, kinds, valid)
        for weight in self.model.parameters():
            weight.grad = None
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 10.0)
        self.adam.step()
        self.filters.step(rate * self.options.muon_factor)
        self.step_count += 1
        keep = min(self.options.average, 1.0 - 5.0 / (self.step_count + 10.0))
        with torch.no_grad():
            averages, values = (list(m.parameters()) + [b for b in m.buffers() if b.is_floating_point()]
                                for m in (self.average, self.model))
            torch._foreach_lerp_(averages, values, 1.0 - keep)
        return torch.cat((loss.detach()[None], norm[None], figures))

    def save(self, folder):
        """Weights, their average, the optimizers' moments and progress: 19 MB."""
        folder.mkdir(parents=True, exist_ok=True)
        state = {"model": self.model.state_dict(), "average": self.average.state_dict(),
                 "adam": self.adam.state_dict(), "muon": self.filters.muon.buffers,
                 "progress": {"step": self.step_count, "seconds": self.seconds, "log": self.log}}
        torch.save(state, folder / "detector.pt.part")
        (folder / "detector.pt.part").replace(folder / "detector.pt")

    def load(self, folder):
        state = torch.load(folder / "detector.pt", map_location=self.device)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.adam.load_state_dict(state["adam"])
        for key, buffer in self.filters.muon.buffers.items():
            buffer.copy_(state["muon"][key])
        progress = state["progress"]
        self.step_count, self.seconds, self.log = progress["step"], progress["seconds"], progress["log"]


def run(trainer, loader, began):
    """Renders a batch of scenes, trains on the pool, until the time is over."""
    options, first = trainer.options, trainer.step_count
    while trainer.pool.filled < min(options.prefill, options.pool):
        detector_scenes.fill(trainer.pool, trainer.render, next(loader))
    print(f"{trainer.pool.filled} scenes after {time.time() - began:.0f} s", flush=True)
    sums, counted, saved, clock = 0.0, 0, time.time(), time.time()
    while True:
        detector_scenes.fill(trainer.pool, trainer.render, next(loader))
        for _ in range(options.uses):
            sums = sums + trainer.step()
            counted += 1
        warming = trainer.step_count - first <= options.uses  # compilation is not training time
        if warming or counted >= options.log_steps:
            mean = (sums / counted).tolist()
            now = time.time()
            if not warming:
                trainer.seconds += now - clock
            elif options.finish:
                options.total_minutes = (trainer.seconds + began - now) / 60.0 + options.minutes
            trainer.log.append([trainer.step_count, round(trainer.seconds, 1)] + [round(v, 4) for v in mean])
            print(f"step {trainer.step_count} {trainer.seconds:.0f} s, {1e3 * (now - clock) / counted:.1f} ms/step, "
                  f"lr {trainer.learning_rate():.2e}, loss {mean[0]:.3f}, norm {mean[1]:.2f}, box {mean[2]:.4f}, "
                  f"objectness {mean[3]:.4f}, kind {mean[4]:.4f}, IoU {mean[5]:.4f}, {mean[6]:.1f} per picture",
                  flush=True)
            if not math.isfinite(mean[0]):
                raise SystemExit("the loss is not finite; the last saved state is kept")
            if now - saved > 60.0 * options.save_minutes:
                trainer.save(options.save_to or options.state)
                saved = now
            sums, counted, clock = 0.0, 0, now
            if trainer.seconds >= 60.0 * options.total_minutes:
                return
        if time.time() - began > 60.0 * options.minutes:
            return


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=pathlib.Path, required=True, help="folder of the training state")
    parser.add_argument("--resume", action="store_true", help="go on from the state in the folder")
    parser.add_argument("--init", type=pathlib.Path, help="begin with the weights of this checkpoint")
    parser.add_argument("--save-to", type=pathlib.Path, help="write the state here instead of --state")
    parser.add_argument("--minutes", type=float, required=True, help="wall-clock time of this run, start included")
    parser.add_argument("--total-minutes", type=float, required=True, help="training time that the schedule spans")
    parser.add_argument("--finish", action="store_true", help="let the schedule end with this run instead")
    parser.add_argument("--batch", type=int, default=64, help="views per step")
    parser.add_argument("--render", type=int, default=64, help="scenes rendered at a time; it divides --pool")
    parser.add_argument("--uses", type=int, default=4, help="steps per rendered batch")
    parser.add_argument("--pool", type=int, default=16384, help="scenes kept; one takes 1 MiB of the device's memory")
    parser.add_argument("--prefill", type=int, default=1024, help="scenes rendered before the first step")
    parser.add_argument("--workers", type=int, default=8, help="processes that describe scenes")
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--muon-factor", type=float, default=2.0, help="Muon's learning rate over AdamW's")
    parser.add_argument("--warmup", type=int, default=300, help="steps")
    parser.add_argument("--weight-decay", type=float, default=0.05)
    parser.add_argument("--average", type=float, default=0.9995, help="decay of the weights' moving average")
    parser.add_argument("--save-minutes", type=float, default=2.0, help="time between two savings of the state")
    parser.add_argument("--log-steps", type=int, default=200)
    parser.add_argument("--eager", action="store_true", help="no torch.compile")
    parser.add_argument("--eval", type=pathlib.Path, help="folder with instances.json and pictures")
    options = parser.parse_args()

    began = time.time()
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(1)
    trainer = Trainer(options, device)
    if options.init:
        weights = detector.load_checkpoint(options.init).float().state_dict()
        trainer.model.load_state_dict(weights)
        trainer.average.load_state_dict(weights)
    if options.resume:
        trainer.load(options.state)
        torch.manual_seed(1 + trainer.step_count)
    print(f"step {trainer.step_count}, {sum(p.numel() for p in trainer.model.parameters())} parameters, {device}",
          flush=True)
    loader = iter(torch.utils.data.DataLoader(SceneStream(options.render, trainer.step_count + 7), batch_size=None,
                                              num_workers=options.workers, prefetch_factor=4,
                                              pin_memory=device.type == "cuda"))
    run(trainer, loader, began)
    trainer.save(options.save_to or options.state)
    end = {"steps": trainer.step_count, "seconds": round(trainer.seconds), "wall": round(time.time() - began)}
    if device.type == "cuda":
        end["GiB"] = round(torch.cuda.max_memory_reserved() / 2 ** 30, 1)
    print(json.dumps(end), flush=True)
    if options.eval:
        print("\n".join(evaluate_detector.table(evaluate_detector.measure(trainer.average, options.eval, device))))


if __name__ == "__main__":
    main()
