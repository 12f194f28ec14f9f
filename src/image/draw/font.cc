#include "image/draw/font.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "core/utf8.h"

namespace lasso {

namespace {

// Letters are drawn on a grid: 0 is the top of capitals, 6 of small letters, 20 the line that they
// stand on, 26 the lowest that some reach. Strokes stand apart by spaces; a point of a stroke is x
// and y, digits of base 36; one behind a full stop is not on the stroke, but the control point of a
// parabola from the point before it to the one behind it.
struct Glyph {
  int width;  // from the leftmost point to the rightmost
  const char* strokes;
};

constexpr float kCapitals = 20.0f;
constexpr float kBaseline = 20.0f;
constexpr int kGap = 6;  // between the points of neighbouring letters

constexpr char kFirst = ' ';
constexpr char kLast = '~';
constexpr std::array<Glyph, kLast - kFirst + 1> kGlyphs{{
    // clang-format off
    {3, ""},  // space
    {1, "000d 0j1j1k0k0j"},  // !
    {5, "0005 5055"},  // "
    {14, "523i b29i 07e7 0ded"},  // #
    {12, "c5.a262.0206.0a6a.cace.ci6i.2i0f 606k"},  // $
    {18, "g02k 40.0004.0848.8884.8040 ec.acag.akek.ikig.icec"},  // %
    {16, "gk47.1331.5070.b0b4.b769.0b0f.0k6k.dkfc"},  // &
    {0, "0005"},  // '
    {4, "40.040b.0j4n"},  // (
    {4, "00.444b.4j0n"},  // )
    {10, "515b 03a9 a309"},  // *
    {12, "666i 0ccc"},  // +
    {2, "2j0o"},  // ,
    {7, "0c7c"},  // -
    {1, "0j1j1k0k0j"},  // .
    {9, "900m"},  // /
    {12, "60.000a.0k6k.ckca.c060"},  // 0
    {12, "24707k"},  // 1
    {12, "05.0060.c0c6.c98d0kck"},  // 2
    {12, "03.2060.b0b5.b96949 69.c9ce.ck6k.2k0h"},  // 3
    {12, "9k900ece"},  // 4
    {12, "b02019.3767.c7cd.ck6k.2k0h"},  // 5
    {12, "a1.9070.000d.0k6k.ckce.c868.180d"},  // 6
    {12, "00c04k"},  // 7
    {12, "69.1915.1060.b0b5.b969.090e.0k6k.ckce.c969"},  // 8
    {12, "2j.3k5k.ckc7.c060.0006.0c6c.bcc7"},  // 9
    {1, "0818190908 0j1j1k0k0j"},  // :
    {3, "2838392928 2j0o"},  // ;
    {11, "b60cbi"},  // <
    {12, "09c9 0fcf"},  // =
    {11, "06bc0i"},  // >
    {10, "04.0050.a0a5.a879.5a5d5e 5j6j6k5k5j"},  // ?
    {20, "a7.676b.6faf.efeb.e7a7 e7ed.eghg.kfka.k1b1.010c.0nbn.engm"},  // @
    {16, "0k80gk 3ddd"},  // A
    {13, "000k8k.dkdf.da8a0a 0070.c0c5.ca7a"},  // B
    {14, "e4.c080.000a.0k8k.ckeg"},  // C
    {14, "000k5k.ekea.e05000"},  // D
    {11, "b0000kbk 0a9a"},  // E
    {11, "b0000k 0a9a"},  // F
    {15, "e4.c080.000a.0k8k.fkfb9b"},  // G
    {14, "000k e0ek 0aea"},  // H
    {6, "0060 303k 0k6k"},  // I
    {10, "a0ae.ak5k.0k0f"},  // J
    {13, "000k d00d 58dk"},  // K
    {11, "000kbk"},  // L
    {16, "0k008eg0gk"},  // M
    {14, "0k00eke0"},  // N
    {16, "80.000a.0k8k.gkga.g080"},  // O
    {13, "0k0070.d0d6.db7b0b"},  // P
    {16, "80.000a.0k8k.gkga.g080 afgl"},  // Q
    {13, "0k0070.d0d6.db7b0b 7bdk"},  // R
    {12, "c4.a060.0005.0a6a.cacf.ck6k.2k0g"},  // S
    {14, "00e0 707k"},  // T
    {14, "000d.0k7k.ekede0"},  // U
    {16, "008kg0"},  // V
    {22, "006kb3gkm0"},  // W
    {14, "00ek e00k"},  // X
    {14, "007ae0 7a7k"},  // Y
    {13, "00d00kdk"},  // Z
    {5, "50000n5n"},  // [
    {9, "009m"},  // backslash
    {5, "00505n0n"},  // ]
    {10, "0750a7"},  // ^
    {12, "0ncn"},  // _
    {3, "0034"},  // `
    {12, "cd.c666.060d.0k6k.ckcd c6ck"},  // a
    {12, "000k cd.c666.060d.0k6k.ckcd"},  // b
    {11, "b9.9666.060d.0k6k.9kbh"},  // c
    {12, "cd.c666.060d.0k6k.ckcd c0ck"},  // d
    {12, "0dcd.c666.060d.0k6k.9kbh"},  // e
    {8, "80.30353k 0686"},  // f
    {12, "cd.c666.060d.0k6k.ckcd c6ck.cq6q.3q1o"},  // g
    {12, "000k 0c.0666.c6ccck"},  // h
    {1, "060k 0010110100"},  // i
    {3, "363m.3q0q 3040413130"},  // j
    {11, "000k a60f 4bbk"},  // k
    {3, "000h.0k3k"},  // l
    {18, "060k 0c.0656.969b9k 9c.96e6.i6ibik"},  // m
    {12, "060k 0c.0666.c6ccck"},  // n
    {12, "cd.c666.060d.0k6k.ckcd"},  // o
    {12, "060q cd.c666.060d.0k6k.ckcd"},  // p
    {12, "cd.c666.060d.0k6k.ckcd c6cq"},  // q
    {7, "060k 0d.0676"},  // r
    {10, "a8.8656.060a.0d5d.adag.ak5k.2k0i"},  // s
    {8, "313g.3k8k 0686"},  // t
    {12, "060e.0k6k.ckce c6ck"},  // u
    {12, "066kc6"},  // v
    {18, "065k98dki6"},  // w
    {11, "06bk b60k"},  // x
    {12, "066k c65n.4q1q"},  // y
    {10, "06a60kak"},  // z
    {6, "60.303338.3b0b.3b3e3k.3n6n"},  // {
    {0, "000o"},  // |
    {6, "00.303338.3b6b.3b3e3k.3n0n"},  // }
    {12, "0d.396c.9fcb"},  // ~
    // clang-format on
}};

const Glyph& glyph_of(char c) { return kGlyphs[static_cast<std::size_t>(c - kFirst)]; }

float digit(char c) { return static_cast<float>(c <= '9' ? c - '0' : c - 'a' + 10); }

// How many lines a parabola becomes: of a letter of 70 pixels, they leave out less than a tenth of
// a pixel.
constexpr int kPieces = 12;

// The lines of one letter, whose grid begins at `corner` and has cells of `scale` pixels.
void add_strokes(const Glyph& glyph, Vec2 corner, float scale, std::vector<Segment>* segments) {
  const char* c = glyph.strokes;
  const auto take = [&] {
    const Vec2 point{corner.x + digit(c[0]) * scale, corner.y + digit(c[1]) * scale};
    c += 2;
    return point;
  };
  while (*c != '\0') {
    Vec2 last = take();
    while (*c != '\0' && *c != ' ') {
      if (*c != '.') {
        const Vec2 next = take();
        segments->push_back({last, next});
        last = next;
        continue;
      }
      ++c;
      const Vec2 from = last;
      const Vec2 control = take();
      const Vec2 to = take();
      for (int i = 1; i <= kPieces; ++i) {
        const float t = static_cast<float>(i) / kPieces;
        const float a = (1 - t) * (1 - t);
        const float b = 2 * t * (1 - t);
        const float d = t * t;
        const Vec2 next{a * from.x + b * control.x + d * to.x,
                        a * from.y + b * control.y + d * to.y};
        segments->push_back({last, next});
        last = next;
      }
    }
    if (*c == ' ') ++c;
  }
}

}  // namespace

std::string drawable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const char c = text.front();
    result += c >= kFirst && c <= kLast ? c : '?';
    text.remove_prefix(std::max<std::size_t>(1, character_size(text)));
  }
  return result;
}

float text_width(std::string_view text, float height) {
  int width = 0;
  for (const char c : text) width += glyph_of(c).width + kGap;
  return text.empty() ? 0.0f : static_cast<float>(width - kGap) * height / kCapitals;
}

std::vector<Segment> text_segments(std::string_view text, Vec2 origin, float height) {
  const float scale = height / kCapitals;
  std::vector<Segment> segments;
  Vec2 corner{origin.x, origin.y - kBaseline * scale};
  for (const char c : text) {
    const Glyph& glyph = glyph_of(c);
    add_strokes(glyph, corner, scale, &segments);
    corner.x += static_cast<float>(glyph.width + kGap) * scale;
  }
  return segments;
}

}  // namespace lasso
