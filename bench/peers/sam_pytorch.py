#!/usr/bin/env python3
"""Times PyTorch's SAM on a GPU, beside which Lasso is timed in the same run (bench/gpu).

transformers' SamModel with random weights: the image encoder from a uint8 image in the host's memory to
the end of the stream, over 8 images in turn, and the mask decoder with masks at 1024x1024. Prints one
JSON object per line, with times in milliseconds (medians).

    python3 sam_pytorch.py --arch vit_b vit_h --variant eager-fp32 eager-bf16 compiled-bf16 flex-bf16
"""
import argparse
import json
import statistics
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


def median_ms(run, rounds):
    for _ in range(5):
        run(0)
    torch.cuda.synchronize()
    times = []
    for i in range(rounds):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        run(i)
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end))
    return statistics.median(times)


@torch.inference_mode()
def time_encoder(model, dtype, batch, rounds, compiled):
    images = [torch.randint(0, 256, (batch, 3, 1024, 1024), dtype=torch.uint8).pin_memory() for _ in range(8)]
    mean, std = MEAN.cuda(), STD.cuda()

    def encode(pixels):
        return model.vision_encoder(((pixels.float() - mean) / std).to(dtype))[0]

    function = torch.compile(encode, mode="reduce-overhead" if compiled == "graphs" else None) if compiled else encode
    return median_ms(lambda i: function(images[i % 8].cuda(non_blocking=True)), rounds)


@torch.inference_mode()
def time_decoder(model, dtype, prompts, rounds):
    embedding = torch.randn(1, 256, 64, 64, device="cuda", dtype=dtype)
    points = torch.rand(1, prompts, 1, 2, device="cuda", dtype=dtype) * 1023
    labels = torch.ones(1, prompts, 1, dtype=torch.int32, device="cuda")

    def decode(_):
        masks = model(image_embeddings=embedding, input_points=points, input_labels=labels,
                      multimask_output=False).pred_masks
        return F.interpolate(masks.flatten(0, 1).float(), (1024, 1024), mode="bilinear") > 0

    return median_ms(decode, rounds)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", nargs="+", default=["vit_b", "vit_h"], choices=sorted(ARCHITECTURES))
    parser.add_argument("--variant", nargs="+", default=["eager-fp32", "eager-bf16"],
                        choices=["eager-fp32", "eager-bf16", "compiled-bf16", "flex-bf16"])
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--decoder", action="store_true", help="the mask decoder as well, 1 and 64 prompts")
    arguments = parser.parse_args()
    for arch in arguments.arch:
        for variant in arguments.variant:
            kind, precision = variant.split("-")
            dtype = torch.float32 if precision == "fp32" else torch.bfloat16
            model = make_model(arch, dtype)
            if kind == "flex":
                use_flex_attention(model)
            row = {"peer": f"PyTorch {torch.__version__} {kind}", "arch": arch, "precision": precision}
            for batch in arguments.batch:
                ms = time_encoder(model, dtype, batch, arguments.rounds, kind != "eager" and "graphs")
                print(json.dumps({**row, "batch": batch, "encode_ms": round(ms, 3),
                                  "images_per_s": round(1000 * batch / ms, 1)}), flush=True)
            if arguments.decoder and kind == "eager":
                for prompts in (1, 64):
                    ms = time_decoder(model, dtype, prompts, arguments.rounds)
                    print(json.dumps({**row, "prompts": prompts, "decode_ms": round(ms, 3)}), flush=True)
            del model
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
