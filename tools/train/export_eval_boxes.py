"""Writes the boxes of the evaluation set for detectors: `python export_eval_boxes.py ../../models/eval`.

annotations.json there holds at most ten objects per picture. This renders the same seeds again and writes
instances.json in COCO's format with all of them: bbox is [first column, first row, columns, rows], categories are
scene_params.KINDS. Objects below the set's rule (few pixels to see, or mostly hidden) are iscrowd, so that they count
neither as found nor as missed; what shows fewer than MIN_CROWD pixels is left out.
"""

import argparse
import json
import pathlib

import torch

import export_eval_set
import scene_params
import scenes

MIN_CROWD = 32


def annotations_of(scene, batch, i):
    """One scene's objects, without their ids."""
    objects = torch.nonzero(batch["labelled"][i].to(scene.area.device) & (scene.area[i] >= MIN_CROWD))[:, 0]
    masks = scenes.object_masks(scene, objects[None].expand(len(scene.owner), -1))[i]
    for layer, mask in zip(objects.tolist(), masks):
        rows, columns = torch.nonzero(mask.any(1))[:, 0], torch.nonzero(mask.any(0))[:, 0]
        x, y = int(columns[0]), int(rows[0])
        area, hidden = int(scene.area[i, layer]), float(scene.hidden[i, layer])
        hardly = area < export_eval_set.MIN_AREA or hidden > export_eval_set.MAX_HIDDEN
        yield layer, {"category_id": int(batch["kind"][i, layer]), "area": area, "iscrowd": int(hardly),
                      "bbox": [x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    render = scenes.Renderer(device, 512)
    images, annotations, compared, equal = [], [], 0, 0
    for number, image in enumerate(json.loads((options.folder / "annotations.json").read_text())["images"]):
        batch = scene_params.sample_scenes([image["seed"]])
        images.append({"id": number, "file_name": image["file"], "height": image["height"], "width": image["width"]})
        stored = {o["id"]: o["bbox_xyxy"] for o in image["objects"]}
        for layer, entry in annotations_of(render(batch), batch, 0):
            annotations.append({"id": len(annotations) + 1, "image_id": number, **entry})
            x, y, width, height = entry["bbox"]
            if layer in stored:
                compared += 1
                equal += stored[layer] == [x, y, x + width - 1, y + height - 1]
    categories = [{"id": i, "name": name} for i, name in enumerate(scene_params.KINDS)]
    with open(options.folder / "instances.json", "w") as file:
        json.dump({"images": images, "annotations": annotations, "categories": categories}, file,
                  separators=(",", ":"))
    print(f"{len(annotations)} objects, {sum(a['iscrowd'] for a in annotations)} of them hardly to be seen; "
          f"{equal} of {compared} boxes are those of annotations.json")


if __name__ == "__main__":
    main()
