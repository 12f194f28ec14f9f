#!/usr/bin/env python3
"""Times PyTorch's SAM on a GPU and, with --lasso, Lasso on the same GPU in turn with it.

transformers' SamModel with random weights: the image encoder from uint8 images in the host's memory to the
end of the stream, over 8 batches in turn, and with --decoder the mask decoder with masks at 1024x1024.
After a round of one, the other has its turn, so that a GPU that slows down slows both. Prints a JSON object
per line for each model, with single times in milliseconds: `lasso bench speed --baseline` reads each of
them, from a file of its own.

    python3 bench/peers/sam_pytorch.py --arch vit_b vit_h --variant eager-fp32 eager-bf16 --lasso lasso
"""
import argparse
import json
import os
import statistics
import subprocess
import tempfile
import types

import torch
import torch.nn.functional as F
from transformers import SamConfig, SamModel, SamVisionConfig

ARCHITECTURES = {
    "vit_b": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
              "global_attn_indexes": [2, 5, 8, 11]},
    "vit_l": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16,
              "global_attn_indexes": [5, 11, 17, 23]},
    "vit_h": {"hidden_size": 1280, "num_hidden_layers": 32, "num_attention_heads": 16,
              "global_attn_indexes": [7, 15, 23, 31]},
}
SIDE = 1024
PROMPTS = (1, 64)
MEAN = torch.tensor([123.675, 116.28, 103.53]).view(1, 3, 1, 1)
STD = torch.tensor([58.395, 57.12, 57.375]).view(1, 3, 1, 1)


def make_model(arch, dtype):
    vision = SamVisionConfig(**ARCHITECTURES[arch], mlp_dim=4 * ARCHITECTURES[arch]["hidden_size"])
    torch.manual_seed(1)
    model = SamModel(SamConfig(vision_config=vision.to_dict())).eval().cuda().to(dtype)
    # Position terms of a new model are zeros, which some kernels could make use of.
    for name, parameter in model.named_parameters():
        if "rel_pos" in name or "pos_embed" in name:
            torch.nn.init.normal_(parameter, std=0.02)
    return model


def table(rel_pos, size):
    """[size, size, d]: the row of each pair of positions."""
    positions = torch.arange(size, device=rel_pos.device)
    return rel_pos[positions[:, None] - positions[None, :] + size - 1]


def use_flex_attention(model):
    """Position terms inside PyTorch's fused attention instead of a matrix of all pairs."""
    from torch.nn.attention.flex_attention import flex_attention

    def forward(self, hidden_states, output_attentions=None):
        batch, height, width, _ = hidden_states.shape
        heads = self.num_attention_heads
        q, k, v = self.qkv(hidden_states).reshape(batch, height * width, 3, heads, -1).permute(2, 0, 3, 1, 4)
        grid = q.reshape(batch, heads, height, width, -1)
        rel_h = torch.einsum("bnhwc,hkc->bnhwk", grid, table(self.rel_pos_h, height)).flatten(2, 3)
        rel_w = torch.einsum("bnhwc,wkc->bnhwk", grid, table(self.rel_pos_w, width)).flatten(2, 3)

        def add_positions(score, b, h, q_index, k_index):
            return score + rel_h[b, h, q_index, k_index // width] + rel_w[b, h, q_index, k_index % width]

        out = flex_attention(q, k, v, score_mod=add_positions, scale=self.scale)
        out = out.reshape(batch, heads, height, width, -1).permute(0, 2, 3, 1, 4).reshape(batch, height, width, -1)
        return self.proj(out), None

    for layer in model.vision_encoder.layers:
        layer.attn.forward = types.MethodType(forward, layer.attn)


def times_ms(run, runs):
    for i in range(5):
        run(i)
    torch.cuda.synchronize()
    times = []
    for i in range(runs):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        run(i)
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end))
    return times


def encoder(model, dtype, batch, compiled):
    images = [torch.randint(0, 256, (batch, 3, SIDE, SIDE), dtype=torch.uint8).pin_memory() for _ in range(8)]
    mean, std = MEAN.cuda(), STD.cuda()

    def encode(pixels):
        return model.vision_encoder(((pixels.float() - mean) / std).to(dtype))[0]

    function = torch.compile(encode, mode="reduce-overhead") if compiled else encode
    return lambda i: function(images[i % 8].cuda(non_blocking=True))


def decoder(model, dtype, prompts):
    embedding = torch.randn(1, 256, 64, 64, device="cuda", dtype=dtype)
    points = torch.rand(1, prompts, 1, 2, device="cuda", dtype=dtype) * (SIDE - 1)
    labels = torch.ones(1, prompts, 1, dtype=torch.int32, device="cuda")

    def decode(_):
        masks = model(image_embeddings=embedding, input_points=points, input_labels=labels,
                      multimask_output=False).pred_masks
        return F.interpolate(masks.flatten(0, 1).float(), (SIDE, SIDE), mode="bilinear") > 0

    return decode


def stages_of(arguments, arch, kind, dtype):
    """What is timed, under the names of `lasso bench speed`."""
    model = make_model(arch, dtype)
    if kind == "flex":
        use_flex_attention(model)
    stages = {"encode" if batch == 1 else f"encode_{batch}": encoder(model, dtype, batch, kind != "eager")
              for batch in arguments.batch}
    if arguments.decoder and kind == "eager":
        stages.update({f"decode_{prompts}": decoder(model, dtype, prompts) for prompts in PROMPTS})
    return stages


def write_picture(path):
    """Noise that needs no resizing, in a format that every build of Lasso reads."""
    with open(path, "wb") as file:
        file.write(b"P6\n%d %d\n255\n" % (SIDE, SIDE) + os.urandom(SIDE * SIDE * 3))


def times_of_lasso(arguments, arch, precision, folder):
    """Single times by stage, of a process of its own."""
    command = [arguments.lasso, "bench", "speed", "--candidate", f"random:{arch}@cuda+{precision}",
               "--image", f"{folder}/picture.ppm", "--images-per-call", ",".join(map(str, arguments.batch)),
               "--prompts-per-call", ",".join(map(str, PROMPTS)), "--warmup", "5",
               "--iterations", str(arguments.runs), "--json", "-o", f"{folder}/reports"]
    result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return {name: stage["samples_ms"] for name, stage in result["candidates"][0]["stages"].items()}


def add(samples, more):
    for stage, times in more.items():
        samples.setdefault(stage, []).extend(times)


def show(name, arch, precision, samples):
    print(json.dumps({"name": name, "arch": arch, "precision": precision,
                      "median_ms": {stage: round(statistics.median(times), 3) for stage, times in samples.items()},
                      "timings": {f"{stage}_ms": [round(ms, 4) for ms in times] for stage, times in samples.items()}}),
          flush=True)


@torch.inference_mode()
def measure(arguments, arch, variant, folder):
    kind, precision = variant.split("-")
    stages = stages_of(arguments, arch, kind, torch.float32 if precision == "fp32" else torch.bfloat16)
    peer, lasso = {}, {}
    for _ in range(arguments.rounds):
        add(peer, {stage: times_ms(run, arguments.runs) for stage, run in stages.items()})
        if arguments.lasso:
            add(lasso, times_of_lasso(arguments, arch, precision, folder))
    show(f"PyTorch {torch.__version__} {kind} {arch} {precision}", arch, precision, peer)
    if arguments.lasso:
        show(f"Lasso {arch} {precision}", arch, precision, lasso)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", nargs="+", default=["vit_b", "vit_h"], choices=sorted(ARCHITECTURES))
    parser.add_argument("--variant", nargs="+", default=["eager-fp32", "eager-bf16"],
                        choices=["eager-fp32", "eager-bf16", "compiled-bf16", "flex-bf16"])
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--rounds", type=int, default=3, help="turns of each")
    parser.add_argument("--runs", type=int, default=10, help="runs of each stage that count in a turn")
    parser.add_argument("--decoder", action="store_true", help="the mask decoder as well, 1 and 64 prompts")
    parser.add_argument("--lasso", metavar="PROGRAM", help="the program lasso, which is timed in turn")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_picture(f"{folder}/picture.ppm")
        for arch in arguments.arch:
            for variant in arguments.variant:
                measure(arguments, arch, variant, folder)
                torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
