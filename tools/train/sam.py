"""A Segment Anything model in PyTorch, in Meta's parameter names and layout.

Written from the paper's formulas so that `state_dict()` is what readers of SAM checkpoints expect: image encoder (ViT
with windowed and global blocks and decomposed relative positions), prompt encoder, mask decoder. Shapes: images
[B, 3, S, S], embeddings [B, D, g, g] with g = S / 16, low-resolution logits [N, masks, 4g, 4g].
"""

import math
from dataclasses import asdict, dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass(frozen=True)
class SamConfig:
    """The widths of a model. Everything but heads can be read off the tensors of a checkpoint."""
    image_size: int = 512
    patch_size: int = 16
    embed_dim: int = 192
    depth: int = 6
    num_heads: int = 3
    window_size: int = 14
    global_attn_indexes: tuple = (1, 3, 5)
    prompt_dim: int = 128
    mlp_dim: int = 384  # of the mask decoder's transformer
    iou_hidden_dim: int = 128
    decoder_heads: int = 8
    mask_channels: int = 16

    @property
    def grid(self):
        return self.image_size // self.patch_size

    def as_dict(self):
        return asdict(self)


class LayerNorm2d(nn.Module):
    """Layer norm over the channels of [N, C, H, W]."""

    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        return self.channels_last(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

    def channels_last(self, x):
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, 1e-6)


class MlpBlock(nn.Module):
    def __init__(self, width, hidden, activation):
        super().__init__()
        self.lin1, self.lin2 = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.activation = activation

    def forward(self, x):
        return self.lin2(self.activation(self.lin1(x)))


class EncoderAttention(nn.Module):
    """Self-attention over a side x side raster with decomposed relative positions.

    score(q, k) = scale q.k + q.Rh[yq - yk] + q.Rw[xq - xk]. The two position terms are, for each query, a vector over
    the key's row and one over its column; appended to the query, with one-hot rows and columns appended to the key,
    they become part of one inner product, so that a plain fused attention kernel computes all three.
    """

    def __init__(self, width, heads, side):
        super().__init__()
        self.heads, self.head_dim, self.side = heads, width // heads, side
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * side - 1, self.head_dim))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * side - 1, self.head_dim))
        place = torch.arange(side)
        self.register_buffer("offset", place[:, None] - place[None] + side - 1, persistent=False)
        one_hot = torch.eye(side)
        rows, columns = one_hot.repeat_interleave(side, 0), one_hot.repeat(side, 1)
        self.register_buffer("key_place", torch.cat((rows, columns), 1), persistent=False)

    def forward(self, x):
        n, side, _, width = x.shape
        tokens, d = side * side, self.head_dim
        q, k, v = self.qkv(x).reshape(n, tokens, 3, self.heads, d).permute(2, 0, 3, 1, 4).unbind(0)
        raster = q.reshape(n, self.heads, side, side, d)
        row_bias = torch.einsum("nayxd,ykd->nayxk", raster, self.rel_pos_h[self.offset].to(q.dtype))
        column_bias = torch.einsum("nayxd,xkd->nayxk", raster, self.rel_pos_w[self.offset].to(q.dtype))
        bias = torch.cat((row_bias, column_bias), -1).reshape(n, self.heads, tokens, 2 * side)
        place = self.key_place.to(q.dtype).expand(n, self.heads, tokens, 2 * side)
        spare = -(d + 2 * side) % 32  # fused kernels want a round head width, and values as wide as keys
        q = F.pad(torch.cat((q * d ** -0.5, bias), -1), (0, spare))
        k = F.pad(torch.cat((k, place), -1), (0, spare))
        v = F.pad(v, (0, 2 * side + spare))
        out = F.scaled_dot_product_attention(q, k, v, scale=1.0)[..., :d]
        return self.proj(out.transpose(1, 2).reshape(n, side, side, width))


class EncoderBlock(nn.Module):
    def __init__(self, width, heads, grid, window):
        super().__init__()
        self.window = window
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = EncoderAttention(width, heads, window or grid)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = MlpBlock(width, 4 * width, nn.GELU())

    def forward(self, x):
        y = self.norm1(x)
        if self.window:
            n, h, w, c = y.shape
            s = self.window
            y = F.pad(y, (0, 0, 0, -w % s, 0, -h % s))  # zeros after the norm, as SAM does
            rows, columns = y.shape[1] // s, y.shape[2] // s
            y = y.reshape(n, rows, s, columns, s, c).transpose(2, 3).reshape(-1, s, s, c)
            y = self.attn(y).reshape(n, rows, columns, s, s, c).transpose(2, 3)
            y = y.reshape(n, rows * s, columns * s, c)[:, :h, :w]
        else:
            y = self.attn(y)
        x = x + y
        return x + self.mlp(self.norm2(x))


class PatchEmbed(nn.Module):
    def __init__(self, patch, width):
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, patch)

    def forward(self, x):
        return self.proj(x).permute(0, 2, 3, 1)


class ImageEncoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        grid, width = config.grid, config.embed_dim
        self.patch_embed = PatchEmbed(config.patch_size, width)
        self.pos_embed = nn.Parameter(torch.zeros(1, grid, grid, width))
        self.blocks = nn.ModuleList(
            EncoderBlock(width, config.num_heads, grid, 0 if i in config.global_attn_indexes else config.window_size)
            for i in range(config.depth))
        self.neck = nn.Sequential(
            nn.Conv2d(width, config.prompt_dim, 1, bias=False), LayerNorm2d(config.prompt_dim),
            nn.Conv2d(config.prompt_dim, config.prompt_dim, 3, padding=1, bias=False), LayerNorm2d(config.prompt_dim))

    def forward(self, x):
        x = self.patch_embed(x) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.neck(x.permute(0, 3, 1, 2))


class PositionEncoding(nn.Module):
    """Random Fourier features of a point in the unit square."""

    def __init__(self, width):
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, width // 2))

    def forward(self, points):
        with torch.autocast(points.device.type, enabled=False):
            phase = 2.0 * math.pi * ((2.0 * points.float() - 1.0) @ self.positional_encoding_gaussian_matrix)
            return torch.cat((torch.sin(phase), torch.cos(phase)), -1)


class PromptEncoder(nn.Module):
    """Points, boxes and masks to tokens and a dense map.

    Labels: 1 foreground, 0 background, 2 and 3 the corners of a box, -1 the padding point of prompts without a box.
    """

    def __init__(self, config):
        super().__init__()
        d, c = config.prompt_dim, config.mask_channels
        self.image_size, self.grid = config.image_size, config.grid
        self.pe_layer = PositionEncoding(d)
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, d) for _ in range(4))
        self.not_a_point_embed = nn.Embedding(1, d)
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, c // 4, 2, 2), LayerNorm2d(c // 4), nn.GELU(),
            nn.Conv2d(c // 4, c, 2, 2), LayerNorm2d(c), nn.GELU(), nn.Conv2d(c, d, 1))
        self.no_mask_embed = nn.Embedding(1, d)

    def dense_positions(self):
        place = (torch.arange(self.grid, device=self.no_mask_embed.weight.device) + 0.5) / self.grid
        y, x = torch.meshgrid(place, place, indexing="ij")
        return self.pe_layer(torch.stack((x, y), -1)).flatten(0, 1)  # [g * g, D]

    def tokens(self, coords, labels):
        """coords [N, T, 2] in input pixels (x, y), labels [N, T]; pixel centres lie at + 0.5."""
        place = self.pe_layer((coords + 0.5) / self.image_size)
        place = torch.where((labels == -1)[..., None], torch.zeros_like(place), place)
        table = torch.cat([self.not_a_point_embed.weight] + [e.weight for e in self.point_embeddings])
        return place + table[labels + 1]

    def dense(self, mask_logits, has_mask):
        """mask_logits [N, 1, 4g, 4g], has_mask [N] bool: what is added to the image embedding, [N, g * g, D]."""
        d = self.no_mask_embed.weight
        embedded = self.mask_downscaling(mask_logits).flatten(2).transpose(1, 2)
        return torch.where(has_mask[:, None, None], embedded, d[None].to(embedded.dtype))


class DecoderAttention(nn.Module):
    def __init__(self, width, heads, rate):
        super().__init__()
        self.heads, inner = heads, width // rate
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(width, inner) for _ in range(3))
        self.out_proj = nn.Linear(inner, width)

    def forward(self, q, k, v):
        q, k, v = (f(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
                   for f, x in ((self.q_proj, q), (self.k_proj, k), (self.v_proj, v)))
        return self.out_proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class TwoWayBlock(nn.Module):
    def __init__(self, width, heads, mlp_dim, first):
        super().__init__()
        self.first = first
        self.self_attn = DecoderAttention(width, heads, 1)
        self.cross_attn_token_to_image = DecoderAttention(width, heads, 2)
        self.cross_attn_image_to_token = DecoderAttention(width, heads, 2)
        self.mlp = MlpBlock(width, mlp_dim, nn.ReLU())
        self.norm1, self.norm2, self.norm3, self.norm4 = (nn.LayerNorm(width) for _ in range(4))

    def forward(self, tokens, image, token_place, image_place):
        if self.first:  # the first layer's tokens are their own positions
            tokens = self.self_attn(tokens, tokens, tokens)
        else:
            placed = tokens + token_place
            tokens = tokens + self.self_attn(placed, placed, tokens)
        tokens = self.norm1(tokens)
        placed_image = image + image_place
        tokens = self.norm2(tokens + self.cross_attn_token_to_image(tokens + token_place, placed_image, image))
        tokens = self.norm3(tokens + self.mlp(tokens))
        # The image tokens keep their type (half precision in training), because they are most of the memory traffic.
        moved = self.cross_attn_image_to_token(placed_image, tokens + token_place, tokens)
        return tokens, self.norm4(image + moved).to(image.dtype)


class TwoWayTransformer(nn.Module):
    def __init__(self, width, heads, mlp_dim):
        super().__init__()
        self.layers = nn.ModuleList(TwoWayBlock(width, heads, mlp_dim, i == 0) for i in range(2))
        self.final_attn_token_to_image = DecoderAttention(width, heads, 2)
        self.norm_final_attn = nn.LayerNorm(width)

    def forward(self, tokens, image, image_place):
        token_place = tokens
        for layer in self.layers:
            tokens, image = layer(tokens, image, token_place, image_place)
        last = self.final_attn_token_to_image(tokens + token_place, image + image_place, image)
        return self.norm_final_attn(tokens + last), image


class ReluMlp(nn.Module):
    """Three linear layers with ReLU between."""

    def __init__(self, width, hidden, out):
        super().__init__()
        self.layers = nn.ModuleList((nn.Linear(width, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, out)))

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return self.layers[-1](x)


class MaskDecoder(nn.Module):
    """Four masks (0: the single mask; 1 to 3: the multimask output) and an IoU estimate for each."""

    def __init__(self, config):
        super().__init__()
        d = config.prompt_dim
        self.grid = config.grid
        self.transformer = TwoWayTransformer(d, config.decoder_heads, config.mlp_dim)
        self.iou_token, self.mask_tokens = nn.Embedding(1, d), nn.Embedding(4, d)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(d, d // 4, 2, 2), LayerNorm2d(d // 4), nn.GELU(),
            nn.ConvTranspose2d(d // 4, d // 8, 2, 2), nn.GELU())
        self.output_hypernetworks_mlps = nn.ModuleList(ReluMlp(d, d, d // 8) for _ in range(4))
        self.iou_prediction_head = ReluMlp(d, config.iou_hidden_dim, 4)

    def upscale(self, image):
        """[N, g * g, D] to [N, g * g, 2, 2, 2, 2, D / 8]: the offsets within a cell are (y, x) of the first doubling,
        then of the second. A transposed convolution with kernel = stride = 2 is a linear layer to four pixels."""
        first, norm, _, second, _ = self.output_upscaling
        x = image @ first.weight.permute(0, 2, 3, 1).flatten(1).to(image.dtype)
        x = x.unflatten(-1, (2, 2, -1)) + first.bias.to(x.dtype)
        x = F.gelu(norm.channels_last(x).to(x.dtype))
        x = (x @ second.weight.permute(0, 2, 3, 1).flatten(1).to(x.dtype)).unflatten(-1, (2, 2, -1))
        return F.gelu(x + second.bias.to(x.dtype))

    def forward(self, image, image_place, sparse, dense):
        """image [N, g * g, D], image_place [g * g, D], sparse [N, T, D], dense [N, g * g, D]."""
        n, g = len(sparse), self.grid
        own = torch.cat((self.iou_token.weight, self.mask_tokens.weight)).expand(n, -1, -1)
        image = image + dense.to(image.dtype)
        tokens, image = self.transformer(torch.cat((own, sparse.to(own.dtype)), 1), image, image_place.to(image.dtype))
        weights = torch.stack([mlp(tokens[:, 1 + i]) for i, mlp in enumerate(self.output_hypernetworks_mlps)], 1)
        pixels = self.upscale(image)
        logits = pixels.reshape(n, -1, pixels.shape[-1]) @ weights.to(pixels.dtype).transpose(1, 2)
        logits = logits.reshape(n, g, g, 2, 2, 2, 2, 4).permute(0, 7, 1, 3, 5, 2, 4, 6).reshape(n, 4, 4 * g, 4 * g)
        return logits, self.iou_prediction_head(tokens[:, 0])


class Sam(nn.Module):
    def __init__(self, config=SamConfig()):
        super().__init__()
        self.config = config
        self.image_encoder = ImageEncoder(config)
        self.prompt_encoder = PromptEncoder(config)
        self.mask_decoder = MaskDecoder(config)

    def encode(self, images):
        """Preprocessed images [B, 3, S, S] to embeddings [B, D, g, g]."""
        return self.image_encoder(images)

    def decode(self, embeddings, coords, labels, mask_logits=None):
        """One embedding per prompt ([N, D, g, g]); all four masks' logits and IoU estimates."""
        n, g = len(coords), self.config.grid
        has_mask = torch.full((n,), mask_logits is not None, device=coords.device)
        if mask_logits is None:
            mask_logits = torch.zeros(n, 1, 4 * g, 4 * g, device=coords.device)
        tokens = embeddings.flatten(2).transpose(1, 2)
        return self.decode_tokens(tokens, coords, labels, mask_logits, has_mask)

    def decode_tokens(self, image, coords, labels, mask_logits, has_mask):
        """As decode(), with image tokens [N, g * g, D] and a mask input that each prompt may use or not."""
        sparse = self.prompt_encoder.tokens(coords, labels)
        dense = self.prompt_encoder.dense(mask_logits, has_mask)
        return self.mask_decoder(image, self.prompt_encoder.dense_positions(), sparse, dense)


PIXEL_MEAN, PIXEL_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def preprocess(images, frames):
    """uint8 images [B, 3, S, S] that fill frames [B, 2] (height, width) from the top left; zeros after normalising
    elsewhere."""
    size, device = images.shape[-1], images.device
    mean, std = (torch.tensor(v, device=device).view(1, 3, 1, 1) for v in (PIXEL_MEAN, PIXEL_STD))
    axis = torch.arange(size, device=device)
    inside = (axis[None, :, None] < frames[:, 0, None, None]) & (axis[None, None] < frames[:, 1, None, None])
    return torch.where(inside[:, None], (images.float() - mean) / std, torch.zeros((), device=device))


def config_of(state):
    """The configuration of a checkpoint, read off its tensors' shapes."""
    pos = state["image_encoder.pos_embed"]
    grid, width = pos.shape[1], pos.shape[3]
    patch = state["image_encoder.patch_embed.proj.weight"].shape[-1]
    depth = 1 + max(int(k.split(".")[2]) for k in state if k.startswith("image_encoder.blocks."))
    rel = [state[f"image_encoder.blocks.{i}.attn.rel_pos_h"] for i in range(depth)]
    global_blocks = tuple(i for i in range(depth) if rel[i].shape[0] == 2 * grid - 1)
    windows = [(rel[i].shape[0] + 1) // 2 for i in range(depth) if i not in global_blocks]
    return SamConfig(
        image_size=grid * patch, patch_size=patch, embed_dim=width, depth=depth, num_heads=width // rel[0].shape[1],
        window_size=windows[0] if windows else 14, global_attn_indexes=global_blocks,
        prompt_dim=state["mask_decoder.iou_token.weight"].shape[1],
        mlp_dim=state["mask_decoder.transformer.layers.0.mlp.lin1.weight"].shape[0],
        iou_hidden_dim=state["mask_decoder.iou_prediction_head.layers.0.weight"].shape[0],
        mask_channels=state["prompt_encoder.mask_downscaling.3.weight"].shape[0])


def initialise(model, generator_seed=0):
    """Random weights for training: truncated normals, sine-cosine positions, and point frequencies spread over scales.

    The columns of the point encoding's Gaussian matrix get scales from 0.5 to 4: wavelengths from the whole picture
    down to a few patches, so that clicks on small objects are told apart.
    """
    torch.manual_seed(generator_seed)
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=min(0.05, module.in_features ** -0.5))
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.5)
        elif isinstance(module, EncoderAttention):
            nn.init.trunc_normal_(module.rel_pos_h, std=0.02)
            nn.init.trunc_normal_(module.rel_pos_w, std=0.02)
    encoder, grid = model.image_encoder, model.config.grid
    quarter = model.config.embed_dim // 4
    frequencies = torch.exp(-math.log(100.0) * torch.arange(quarter) / quarter)
    phase = torch.arange(grid)[:, None] * frequencies
    waves = torch.cat((torch.sin(phase), torch.cos(phase)), 1)
    with torch.no_grad():
        rows, columns = waves[:, None].expand(-1, grid, -1), waves[None].expand(grid, -1, -1)
        encoder.pos_embed.copy_(0.3 * torch.cat((rows, columns), -1)[None])
        matrix = model.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix
        matrix.normal_()
        matrix.mul_(torch.logspace(math.log10(0.5), math.log10(4.0), matrix.shape[1])[None])
    return model
