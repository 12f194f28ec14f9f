"""Compares sam.py with an independent implementation, transformers' SamModel, on the same random weights.

`python check_against_transformers.py` builds both with lasso-tiny's configuration and compares embedding, masks and IoU
estimates for clicks, boxes and a mask input in fp32; exits with 1 where the relative error reaches 1e-4.
"""

import re
import sys

import torch

import sam

RENAMES = (
    (r"^image_encoder\.", "vision_encoder."), (r"\.patch_embed\.proj\.", ".patch_embed.projection."),
    (r"^vision_encoder\.blocks\.", "vision_encoder.layers."), (r"neck\.0\.", "neck.conv1."),
    (r"neck\.1\.", "neck.layer_norm1."), (r"neck\.2\.", "neck.conv2."), (r"neck\.3\.", "neck.layer_norm2."),
    (r"\.point_embeddings\.", ".point_embed."), (r"mask_downscaling\.0\.", "mask_embed.conv1."),
    (r"mask_downscaling\.1\.", "mask_embed.layer_norm1."), (r"mask_downscaling\.3\.", "mask_embed.conv2."),
    (r"mask_downscaling\.4\.", "mask_embed.layer_norm2."), (r"mask_downscaling\.6\.", "mask_embed.conv3."),
    (r"prompt_encoder\.pe_layer\.positional_encoding_gaussian_matrix", "shared_image_embedding.positional_embedding"),
    (r"\.norm_final_attn\.", ".layer_norm_final_attn."), (r"\.norm(\d)\.", r".layer_norm\1."),
    (r"output_upscaling\.0\.", "upscale_conv1."), (r"output_upscaling\.1\.", "upscale_layer_norm."),
    (r"output_upscaling\.3\.", "upscale_conv2."),
    (r"(mlps\.\d|iou_prediction_head)\.layers\.0\.", r"\1.proj_in."),
    (r"(mlps\.\d|iou_prediction_head)\.layers\.1\.", r"\1.layers.0."),
    (r"(mlps\.\d|iou_prediction_head)\.layers\.2\.", r"\1.proj_out."),
)


def renamed(name):
    for pattern, replacement in RENAMES:
        name = re.sub(pattern, replacement, name)
    return name


def build_peer(state, config):
    """A SamModel with the same weights. Its two-way transformer's norms get Meta's epsilon, 1e-5."""
    from transformers import SamConfig, SamMaskDecoderConfig, SamModel, SamPromptEncoderConfig, SamVisionConfig
    peer = SamModel(SamConfig(
        vision_config=SamVisionConfig(
            hidden_size=config.embed_dim, output_channels=config.prompt_dim, num_hidden_layers=config.depth,
            num_attention_heads=config.num_heads, image_size=config.image_size, patch_size=config.patch_size,
            window_size=config.window_size, global_attn_indexes=list(config.global_attn_indexes),
            num_pos_feats=config.prompt_dim // 2, mlp_dim=4 * config.embed_dim).to_dict(),
        prompt_encoder_config=SamPromptEncoderConfig(
            hidden_size=config.prompt_dim, image_size=config.image_size, patch_size=config.patch_size).to_dict(),
        mask_decoder_config=SamMaskDecoderConfig(
            hidden_size=config.prompt_dim, mlp_dim=config.mlp_dim, iou_head_hidden_dim=config.iou_hidden_dim,
            layer_norm_eps=1e-5).to_dict()))
    missing, unexpected = peer.load_state_dict({renamed(k): v for k, v in state.items()}, strict=False)
    missing = [k for k in missing if "positional_embedding" not in k]  # a shared tensor under a second name
    assert not missing and not unexpected, (missing, unexpected)
    return peer.eval()


def main():
    model = sam.initialise(sam.Sam(), 3).eval()
    with torch.no_grad():  # every parameter matters
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    config = model.config
    peer = build_peer(model.state_dict(), config)
    torch.manual_seed(4)
    pictures = torch.randn(2, 3, config.image_size, config.image_size)
    side = 4 * config.grid
    mask = torch.randn(2, 1, side, side) * 5.0
    points = torch.rand(2, 1, 3, 2) * config.image_size
    labels = torch.tensor([[[1, 0, 1]], [[0, 1, 1]]])
    box = torch.tensor([[[60.0, 40.0, 300.0, 222.0]], [[10.0, 300.0, 130.0, 500.0]]])
    errors = {}

    def compare(name, ours, theirs):
        errors[name] = ((ours - theirs).norm() / theirs.norm()).item()

    with torch.no_grad():
        ours = model.encode(pictures)
        theirs = peer.get_image_embeddings(pictures)
        theirs = theirs if isinstance(theirs, torch.Tensor) else theirs[0]
        compare("embedding", ours, theirs)
        padding, minus = torch.full((2, 1, 2), -0.5), torch.full((2, 1), -1)
        coords, tags = torch.cat((points[:, 0], padding), 1), torch.cat((labels[:, 0], minus), 1)
        for name, logits in (("points", None), ("points and mask", mask)):
            out = peer(image_embeddings=theirs, input_points=points, input_labels=labels, input_masks=logits,
                       multimask_output=True)
            low, iou = model.decode(theirs, coords, tags, logits)
            compare(name + ": masks", low[:, 1:], out.pred_masks[:, 0])
            compare(name + ": IoU", iou[:, 1:], out.iou_scores[:, 0])
        out = peer(image_embeddings=theirs, input_boxes=box, multimask_output=False)
        low, iou = model.decode(theirs, box.view(2, 2, 2), torch.tensor([[2, 3], [2, 3]]))
        compare("box: mask", low[:, :1], out.pred_masks[:, 0])
        compare("box: IoU", iou[:, :1], out.iou_scores[:, 0])
    for name, error in errors.items():
        print(f"{name}: relative error {error:.2e}")
    return int(not all(e < 1e-4 for e in errors.values()))


if __name__ == "__main__":
    sys.exit(main())
