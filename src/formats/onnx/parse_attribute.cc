#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "formats/onnx/message.h"
#include "formats/onnx/parse.h"
#include "formats/text.h"

namespace lasso {

namespace {

using Type = OnnxAttributeType;

constexpr std::uint32_t kTypeField = 20;
constexpr int kMaxDepth = 32;  // of graphs in graphs

// Which field holds the value of which type.
struct ValueField {
  std::uint32_t number;
  const char* name;
  Type type;
};
constexpr auto kValueFields = std::to_array<ValueField>({
    {2, "f", Type::kFloat},
    {3, "i", Type::kInt},
    {4, "s", Type::kString},
    {5, "t", Type::kTensor},
    {6, "g", Type::kGraph},
    {7, "floats", Type::kFloats},
    {8, "ints", Type::kInts},
    {9, "strings", Type::kStrings},
    {10, "tensors", Type::kTensors},
    {11, "graphs", Type::kGraphs},
    {14, "tp", Type::kTypeProto},
    {15, "type_protos", Type::kTypeProtos},
    {22, "sparse_tensor", Type::kSparseTensor},
    {23, "sparse_tensors", Type::kSparseTensors},
});

const ValueField* value_field(std::uint32_t number) {
  const auto* const field = std::find_if(kValueFields.begin(), kValueFields.end(),
                                         [&](const ValueField& f) { return f.number == number; });
  return field == kValueFields.end() ? nullptr : field;
}

// What `type` says; files of the first version of the format, which had no such field, are told by
// the field of the value.
Type type_of(std::string_view bytes, const Place& place) {
  const std::uint64_t stated = find_integer(bytes, kTypeField);
  if (stated > static_cast<std::uint64_t>(Type::kTypeProtos)) {
    place.refuse(ErrorCode::kUnsupported, "type: {} is no type of ONNX 1.23",
                 static_cast<std::int64_t>(stated));
  }
  if (stated != 0) return static_cast<Type>(stated);
  WireWalker walker(bytes);
  while (walker.next()) {
    const ValueField* field = value_field(walker.field().number);
    if (field != nullptr) return field->type;
  }
  return Type::kUndefined;
}

class AttributeParser {
 public:
  AttributeParser(std::string_view bytes, const Place& place, int depth)
      : message_(bytes, place), place_(place), depth_(depth) {
    attribute_.type = type_of(bytes, place);
    place.check(attribute_.type != Type::kUndefined, "type: is missing, and so is a value");
    start_value();
  }

  OnnxAttribute parse() && {
    while (message_.next()) take_field();
    if (attribute_.type == Type::kGraph) {
      place_.check(!list<OnnxGraph>()->empty(), "g: is missing");
    }
    place_.check(attribute_.type != Type::kTensor || has_tensor_, "t: is missing");
    return std::move(attribute_);
  }

 private:
  template <typename T>
  std::vector<T>* list() {
    return &std::get<std::vector<T>>(attribute_.value);
  }

  // What a field that is not there stands for: writers may leave out 0, and lists without elements.
  void start_value();
  void take_field();
  void take_value(const ValueField& field);
  void take_tensor(const char* name);
  void take_graph(const char* name);

  Message message_;
  const Place& place_;
  int depth_;
  OnnxAttribute attribute_;
  bool has_tensor_ = false;
};

void AttributeParser::start_value() {
  switch (attribute_.type) {
    case Type::kFloat:
      attribute_.value = 0.0F;
      break;
    case Type::kInt:
      attribute_.value = std::int64_t{0};
      break;
    case Type::kString:
      attribute_.value = std::string();
      break;
    case Type::kTensor:
      attribute_.value = OnnxTensor();
      break;
    case Type::kFloats:
      attribute_.value = std::vector<float>();
      break;
    case Type::kInts:
      attribute_.value = std::vector<std::int64_t>();
      break;
    case Type::kStrings:
      attribute_.value = std::vector<std::string>();
      break;
    case Type::kTensors:
      attribute_.value = std::vector<OnnxTensor>();
      break;
    case Type::kGraph:
    case Type::kGraphs:
      attribute_.value = std::vector<OnnxGraph>();
      break;
    case Type::kUndefined:
    case Type::kSparseTensor:
    case Type::kSparseTensors:
    case Type::kTypeProto:
    case Type::kTypeProtos:
      break;
  }
}

void AttributeParser::take_field() {
  if (message_.number() == 1) {
    attribute_.name = message_.text("name");
  } else if (message_.number() == kTypeField) {
    static_cast<void>(message_.integer("type"));
  } else if (message_.number() == 21) {
    const std::string_view name = message_.bytes("ref_attr_name");
    place_.check(name.empty(), "ref_attr_name: refers to {} of a function, and stands in none",
                 printable(name));
  } else if (const ValueField* field = value_field(message_.number())) {
    place_.check(field->type == attribute_.type, "{}: holds no value of type {}", field->name,
                 name_of(attribute_.type));
    take_value(*field);
  }
}

void AttributeParser::take_value(const ValueField& field) {
  switch (field.type) {
    case Type::kFloat:
      attribute_.value = message_.real(field.name);
      break;
    case Type::kInt:
      attribute_.value = message_.integer(field.name);
      break;
    case Type::kString:
      attribute_.value = message_.any_text(field.name);
      break;
    case Type::kFloats:
      message_.append(field.name, list<float>());
      break;
    case Type::kInts:
      message_.append(field.name, list<std::int64_t>());
      break;
    case Type::kStrings:
      place_.charge(element_bytes<std::string>());
      list<std::string>()->push_back(message_.any_text(field.name));
      break;
    case Type::kTensor:
    case Type::kTensors:
      take_tensor(field.name);
      break;
    case Type::kGraph:
    case Type::kGraphs:
      take_graph(field.name);
      break;
    case Type::kUndefined:
    case Type::kSparseTensor:
    case Type::kSparseTensors:
    case Type::kTypeProto:
    case Type::kTypeProtos:
      static_cast<void>(message_.bytes(field.name));
      break;
  }
}

void AttributeParser::take_tensor(const char* name) {
  const std::string_view bytes = message_.bytes(name);
  if (attribute_.type == Type::kTensor) {
    place_.check(!has_tensor_, "t: is given twice");
    has_tensor_ = true;
    attribute_.value = parse_tensor(bytes, place_);
    return;
  }
  std::vector<OnnxTensor>* tensors = list<OnnxTensor>();
  place_.charge(element_bytes<OnnxTensor>());
  tensors->push_back(parse_tensor(bytes, place_.part("tensor", {}, tensors->size())));
}

void AttributeParser::take_graph(const char* name) {
  const std::string_view bytes = message_.bytes(name);
  std::vector<OnnxGraph>* graphs = list<OnnxGraph>();
  const bool single = attribute_.type == Type::kGraph;
  place_.check(!single || graphs->empty(), "g: is given twice");
  if (depth_ >= kMaxDepth) {
    place_.refuse(ErrorCode::kUnsupported, "{}: graphs in graphs to a depth of more than {}", name,
                  kMaxDepth);
  }
  place_.charge(element_bytes<OnnxGraph>());
  const Place place = single ? place_.part("graph") : place_.part("graph", {}, graphs->size());
  graphs->push_back(parse_graph(bytes, place, depth_ + 1));
}

}  // namespace

OnnxAttribute parse_attribute(std::string_view bytes, const Place& place, int depth) {
  return AttributeParser(bytes, place, depth).parse();
}

}  // namespace lasso
