"""Versions of TensorRT, CUDA, cuDNN and Vulkan as packages, files, headers and library names tell them."""

import json
import os
import unittest

import bench
import load

software = load.module("software")

STATUS = """Package: libnvinfer8
Status: install ok installed
Version: 8.2.1-1+cuda10.2

Package: tensorrt
Status: install ok installed
Priority: standard
Version: 8.2.1.8-1+cuda10.2
Description: Meta package of TensorRT
 Version: 9.9.9 in a description is no version

Package: libcudnn8
Status: install ok installed
Version: 8.2.1.32-1+cuda10.2

Package: cuda-cudart-10-2
Status: deinstall ok config-files
Version: 10.2.300-1

Package: libvulkan1
Status: install ok installed
Version: 1:1.2.131.2-1
"""


class Versions(bench.HomeCase):
    def versions(self):
        return software.versions(self.root, software.packages(self.root))

    def test_packages_say_the_full_number(self):
        self.put("/var/lib/dpkg/status", STATUS)
        self.put("/usr/local/cuda/version.txt", "CUDA Version 10.2.300\n")
        expected = {"tensorrt": "8.2.1.8", "cuda": "10.2.300", "cudnn": "8.2.1.32", "vulkan": "1.2.131.2"}
        self.assertEqual(self.versions(), expected)

    def test_a_removed_package_is_not_there(self):
        self.put("/var/lib/dpkg/status", STATUS)
        self.assertNotIn("cuda-cudart-10-2", software.packages(self.root))
        self.assertIsNone(self.versions()["cuda"])

    def test_without_the_metapackage_its_library_says_it(self):
        for packages, expected in (
            ({"libnvinfer8": "8.5.2-1+cuda11.4", "libnvinfer-dev": "9.0-1"}, "8.5.2"),
            ({"libnvinfer10": "10.3.0.30-1+cuda12.5", "libnvinfer8": "8.6.2.3-1"}, "10.3.0.30"),
            ({"libnvinfer-plugin8": "8.5.2-1"}, None),
        ):
            self.assertEqual(software.packaged("tensorrt", packages), expected)

    def test_newer_cuda_has_a_json(self):
        self.put("/usr/local/cuda/version.json", json.dumps({"cuda": {"name": "CUDA SDK", "version": "12.6.11"}}))
        self.assertEqual(self.versions()["cuda"], "12.6.11")
        self.put("/usr/local/cuda/version.json", "[]")
        self.assertIsNone(self.versions()["cuda"])

    def test_headers_of_a_container(self):
        numbers = {"MAJOR": 8, "MINOR": 5, "PATCH": 2, "BUILD": 2}
        lines = ["#define NV_TENSORRT_%s %d //!< x" % pair for pair in numbers.items()]
        self.put("/usr/include/aarch64-linux-gnu/NvInferVersion.h", "\n".join(lines))
        self.put(
            "/usr/include/cudnn_version.h", "#define CUDNN_MAJOR 9\n#define CUDNN_MINOR 3\n#define CUDNN_PATCHLEVEL 0\n"
        )
        found = self.versions()
        self.assertEqual((found["tensorrt"], found["cudnn"]), ("8.5.2.2", "9.3.0"))

    def test_a_header_that_points_to_other_macros(self):
        text = "".join(
            "#define TRT_%s_ENTERPRISE %d\n#define NV_TENSORRT_%s TRT_%s_ENTERPRISE\n" % (part, number, part, part)
            for part, number in (("MAJOR", 10), ("MINOR", 13), ("PATCH", 3), ("BUILD", 9))
        )
        self.put("/usr/include/NvInferVersion.h", text)
        self.assertEqual(self.versions()["tensorrt"], "10.13.3.9")

    def test_at_last_the_librarys_own_name(self):
        for name in ("libnvinfer.so.8", "libnvinfer.so.8.2.1", "libvulkan.so.1.3.204", "libcudnn.so.8"):
            self.put(os.path.join("/usr/lib/aarch64-linux-gnu", name), "")
        found = self.versions()
        self.assertEqual((found["tensorrt"], found["vulkan"], found["cudnn"]), ("8.2.1", "1.3.204", None))

    def test_damaged_lists_are_read_as_far_as_they_go(self):
        self.put("/var/lib/dpkg/status", "Package: x\nStatus: install ok installed\n\n\n\nVersion\n" + STATUS[:40])
        self.assertEqual(software.packages(self.root), {"x": None})
        self.assertEqual(set(self.versions().values()), {None})


if __name__ == "__main__":
    unittest.main()
