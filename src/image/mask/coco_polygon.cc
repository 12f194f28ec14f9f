// Outlines whose holes are joined to them. COCO's format has no holes: its readers unite the
// polygons of an object, so that a ring's hole would be filled.
//
// The rings of a mask are the borders of its 4-connected components, one outer and any number of
// inner ones. From the upper left corner of a hole a bridge leads to the left, between two rows of
// pixels of the component, to the first border there. That border belongs to another ring of the
// component, one whose upper left corner comes before the hole's in reading order: the bridges of a
// component make a tree with the outer ring as its root, and one closed line can walk around it.
// It walks each bridge once there and once back, so that under the even-odd rule, and in
// pycocotools, which counts where the line crosses the middles of columns, the bridge is not there.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "core/guard.h"
#include "image/mask/mask_check.h"
#include "lasso/mask.h"

namespace lasso {

namespace {

struct Corner {
  int x = 0;
  int y = 0;
};

// Where a bridge arrives at another ring.
struct Arrival {
  Corner corner;
  std::size_t hole;   // index of the ring that the bridge comes from
  std::size_t start;  // of that ring: index of the corner at which the bridge begins
};

// From the top down in columns from left to right, as vertical edges ask for them.
bool operator<(const Arrival& a, const Arrival& b) {
  return std::pair(a.corner.x, a.corner.y) < std::pair(b.corner.x, b.corner.y);
}

using Ring = std::vector<float>;  // x0, y0, x1, y1, ...

Corner corner_of(const Ring& ring, std::size_t index) {
  return {static_cast<int>(ring[2 * index]), static_cast<int>(ring[2 * index + 1])};
}

// Twice the area, negative for a hole.
std::int64_t doubled_area(const Ring& ring) {
  std::int64_t sum = 0;
  const std::size_t count = ring.size() / 2;
  for (std::size_t i = 0; i < count; ++i) {
    const Corner a = corner_of(ring, i);
    const Corner b = corner_of(ring, i + 1 == count ? 0 : i + 1);
    sum += std::int64_t{a.x} * b.y - std::int64_t{b.x} * a.y;
  }
  return sum;
}

// The upper left corner: the first in reading order.
std::size_t first_corner(const Ring& ring) {
  std::size_t first = 0;
  for (std::size_t i = 1; i < ring.size() / 2; ++i) {
    const Corner a = corner_of(ring, i);
    const Corner b = corner_of(ring, first);
    if (std::pair(a.y, a.x) < std::pair(b.y, b.x)) first = i;
  }
  return first;
}

class Joiner {
 public:
  Joiner(const Mask& mask, std::vector<Ring> rings) : mask_(mask), rings_(std::move(rings)) {}

  std::vector<Ring> join() {
    std::vector<std::size_t> outer;
    for (std::size_t i = 0; i < rings_.size(); ++i) {
      if (doubled_area(rings_[i]) > 0) {
        outer.push_back(i);
      } else {
        const std::size_t start = first_corner(rings_[i]);
        arrivals_.push_back({bridge_end(corner_of(rings_[i], start)), i, start});
      }
    }
    std::sort(arrivals_.begin(), arrivals_.end());
    std::vector<Ring> polygons;
    for (const std::size_t i : outer) polygons.push_back(walk(i));
    return polygons;
  }

 private:
  // A ring that is being walked around.
  struct Walk {
    std::size_t ring = 0;
    std::size_t start = 0;  // the corner at which it begins and ends
    std::size_t done = 0;   // edges that lie behind
    // What remains of the arrivals on the edge in work; they lie in [next, end) and are taken from
    // its end, since edges with bridges lead upwards.
    std::size_t next = 0;
    std::size_t end = 0;
    std::optional<Corner> arrival;  // at the ring from which a bridge led here
  };

  bool inside(int x, int y) const {
    return x >= 0 &&
           mask_.data[static_cast<std::size_t>(y) * static_cast<std::size_t>(mask_.width) +
                      static_cast<std::size_t>(x)] != 0;
  }

  // To the left of the corner while both pixels beside the way are inside. Bridges of one row do
  // not overlap, since each begins at the right of its hole's border: together they take a time
  // that is linear in the pixels.
  Corner bridge_end(Corner corner) const {
    do {
      --corner.x;
    } while (inside(corner.x - 1, corner.y - 1) && inside(corner.x - 1, corner.y));
    return corner;
  }

  // The arrivals on the edge from a to b, both ends included. Pixels inside are at the right of a
  // border, and to the right of where a bridge arrives: the edge leads upwards.
  std::pair<std::size_t, std::size_t> arrivals_on(Corner a, Corner b) const {
    if (a.x != b.x || b.y >= a.y) return {0, 0};
    const auto begin =
        std::lower_bound(arrivals_.begin(), arrivals_.end(), Arrival{{a.x, b.y}, 0, 0});
    auto end = begin;
    while (end != arrivals_.end() && end->corner.x == a.x && end->corner.y <= a.y) ++end;
    return {static_cast<std::size_t>(begin - arrivals_.begin()),
            static_cast<std::size_t>(end - arrivals_.begin())};
  }

  static void append(Ring* line, Corner corner) {
    const auto x = static_cast<float>(corner.x);
    const auto y = static_cast<float>(corner.y);
    const std::size_t size = line->size();
    if (size >= 2 && (*line)[size - 2] == x && (*line)[size - 1] == y) return;
    line->push_back(x);
    line->push_back(y);
  }

  // The line around a ring, the holes that bridges join to it, those that are joined to these, ...
  // Without recursion: a row of holes is a chain as long as the mask is wide.
  Ring walk(std::size_t outer) const {
    Ring line;
    std::vector<Walk> walks(1);
    walks[0].ring = outer;
    enter(&walks[0], &line);
    while (!walks.empty()) {
      Walk& walk = walks.back();
      if (walk.next < walk.end) {
        const Arrival& arrival = arrivals_[--walk.end];
        append(&line, arrival.corner);
        Walk hole;
        hole.ring = arrival.hole;
        hole.start = arrival.start;
        hole.arrival = arrival.corner;
        enter(&hole, &line);
        walks.push_back(hole);
        continue;
      }
      const std::size_t count = rings_[walk.ring].size() / 2;
      ++walk.done;
      const Corner at = corner_of(rings_[walk.ring], (walk.start + walk.done) % count);
      const bool closed = walk.done == count;
      if (closed) {
        // The outer ring's first corner is not repeated.
        if (walk.arrival) {
          append(&line, at);
          append(&line, *walk.arrival);
        }
        walks.pop_back();
      } else {
        append(&line, at);
        set_edge(&walk);
      }
    }
    return line;
  }

  void enter(Walk* walk, Ring* line) const {
    append(line, corner_of(rings_[walk->ring], walk->start));
    set_edge(walk);
  }

  // Finds the arrivals on the edge that the walk is at the beginning of.
  void set_edge(Walk* walk) const {
    const Ring& ring = rings_[walk->ring];
    const std::size_t count = ring.size() / 2;
    std::tie(walk->next, walk->end) =
        arrivals_on(corner_of(ring, (walk->start + walk->done) % count),
                    corner_of(ring, (walk->start + walk->done + 1) % count));
  }

  const Mask& mask_;
  std::vector<Ring> rings_;
  std::vector<Arrival> arrivals_;
};

}  // namespace

std::vector<std::vector<float>> coco_polygons(const Mask& mask) {
  std::vector<Ring> rings = mask_polygons(mask);
  return guard_memory("polygons", [&] { return Joiner(mask, std::move(rings)).join(); });
}

}  // namespace lasso
