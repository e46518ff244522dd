"""The boards that can be simulated, by the names of their profiles; see `facts` for where their figures come from."""

from __future__ import annotations

from dataclasses import replace

from edgebench.mock.jetson.facts import BoardFacts, Chip, Draw, Gpu, Mode, Release
from edgebench.mock.power_sensors import Rail

JETPACK_4 = Release("32.7.3", "4.6.3", "8.2.1.8", "10.2.300", "8.2.1.32", "18.04", "4.9.299-tegra")
JETPACK_5 = Release("35.4.1", "5.1.2", "8.5.2.2", "11.4.315", "8.6.0.166", "20.04", "5.10.120-tegra")
JETPACK_6 = Release("36.4.3", "6.2", "10.3.0.30", "12.6.68", "9.3.0.75", "22.04", "5.15.148-tegra")
JETPACK_7 = Release("38.2.0", "7.0", "10.13.3.9", "13.0.48", "9.12.0.46", "24.04", "6.8.12-tegra")

GOVERNORS_4 = "interactive conservative ondemand userspace powersave performance schedutil"
GOVERNORS = "conservative ondemand userspace powersave performance schedutil"
NANO_KHZ = (102000, 204000, 307200, 403200, 518400, 614400, 710400, 825600, 921600, 1036800, 1132800, 1224000, 1326000,
            1428000, 1479000)  # fmt: skip
NANO_MHZ = (76.8, 153.6, 230.4, 307.2, 384.0, 460.8, 537.6, 614.4, 640.0, 691.2, 768.0, 844.8, 921.6)
CARMEL_KHZ = (115200, 192000, 268800, 345600, 499200, 729600, 998400, 1190400, 1344000, 1420800, 1574400, 1907200)
ORIN_KHZ = (115200, 268800, 422400, 576000, 729600, 883200, 1036800, 1190400, 1344000, 1510400, 1574400, 1728000)
ORIN_MHZ = (306.0, 408.0, 510.0, 612.0, 624.75, 714.0, 816.0, 918.0, 1020.0)
ORIN_ALERTS = tuple(f"{place}-throttle-alert" for place in ("cpu", "gpu", "cv0", "cv1", "cv2", "soc0", "soc1", "soc2"))

JETSON_NANO = BoardFacts(
    name="jetson-nano",
    model="NVIDIA Jetson Nano Developer Kit",
    compatible=("nvidia,p3449-0000-b00+p3448-0000-b00", "nvidia,jetson-nano", "nvidia,tegra210"),
    module="p3448-0000",
    serial="1424219000001",
    dts="tegra210-p3448-0000-p3449-0000-b00.dts",
    chips=(Chip("iio", "6-0040", (Rail("POM_5V_IN", 1.0, 5.28), Rail("POM_5V_GPU", 0.4, 5.28),
                                  Rail("POM_5V_CPU", 0.3, 5.28))),),
    draw=Draw(idle=1.25, cpus=4.6, gpu=5.0, locked=0.55),
    memory_kib=4059736,
    swap_kib=2029864,
    soc="tegra210",
    release=JETPACK_4,
    gpu=Gpu("NVIDIA Tegra X1", "5.3", 128, NANO_MHZ, "57000000.gpu", "/sys/devices/gpu.0"),
    policies=((0, 1, 2, 3),),
    cpu_khz=NANO_KHZ,
    governors=GOVERNORS_4,
    governor="schedutil",
    modes=(Mode(0, "MAXN", 4, 1479000, 921.6), Mode(1, "5W", 2, 921600, 640.0)),
    mode=0,
    zones=("AO-therm", "CPU-therm", "GPU-therm", "PLL-therm", "PMIC-Die", "thermal-fan-est"),
    cooling=("tegra-hv-throttle", "cpufreq-cpu0", "devfreq-57000000.gpu", "pwm-fan"),
    emc_mhz=(204.0, 408.0, 800.0, 1065.6, 1331.2, 1600.0),
    fan="pwm-fan",
    rails_are_roots=True,
)  # fmt: skip

JETSON_NANO_2GB = replace(
    JETSON_NANO,
    name="jetson-nano-2gb",
    model="NVIDIA Jetson Nano 2GB Developer Kit",
    compatible=("nvidia,p3542-0000+p3448-0003", "nvidia,jetson-nano-2gb", "nvidia,jetson-nano", "nvidia,tegra210"),
    module="p3448-0003",
    serial="1424219000002",
    dts="tegra210-p3448-0003-p3542-0000.dts",
    chips=(),
    draw=Draw(idle=1.2, cpus=4.4, gpu=4.6, locked=0.5),
    memory_kib=2028192,
    swap_kib=1014096,
)

JETSON_XAVIER_NX = BoardFacts(
    name="jetson-xavier-nx",
    model="NVIDIA Jetson Xavier NX Developer Kit",
    compatible=("nvidia,p3509-0000+p3668-0000", "nvidia,p3449-0000+p3668-0000", "nvidia,tegra194"),
    soc="tegra194",
    module="p3668-0000",
    serial="1424219000003",
    dts="tegra194-p3668-0000-p3509-0000.dts",
    release=JETPACK_5,
    gpu=Gpu("Xavier", "7.2", 384, (114.75, 204.0, 306.0, 408.0, 510.0, 599.25, 701.25, 803.25, 854.25, 905.25, 956.25,
                                   1007.25, 1058.25, 1109.25), "17000000.gv11b", "/sys/devices/platform/gpu.0", dla=2),
    policies=((0, 1), (2, 3), (4, 5)),
    cpu_khz=CARMEL_KHZ,
    governors=GOVERNORS,
    governor="schedutil",
    modes=(Mode(0, "MODE_15W_2CORE", 2, 1907200, 1109.25), Mode(1, "MODE_15W_4CORE", 4, 1420800, 1109.25),
           Mode(2, "MODE_15W_6CORE", 6, 1420800, 1109.25), Mode(3, "MODE_10W_2CORE", 2, 1574400, 803.25),
           Mode(4, "MODE_10W_4CORE", 4, 1190400, 803.25), Mode(5, "MODE_10W_DESKTOP", 4, 1907200, 510.0),
           Mode(6, "MODE_20W_2CORE", 2, 1907200, 1109.25), Mode(7, "MODE_20W_4CORE", 4, 1907200, 1109.25),
           Mode(8, "MODE_20W_6CORE", 6, 1420800, 1109.25)),
    mode=2,
    chips=(Chip("hwmon", "7-0040", (Rail("VDD_IN", 1.0), Rail("VDD_CPU_GPU_CV", 0.5), Rail("VDD_SOC", 0.2))),),
    zones=("CPU-therm", "GPU-therm", "AUX-therm", "AO-therm", "PMIC-Die"),
    cooling=("cpufreq-cpu0", "devfreq-17000000.gv11b", "pwm-fan"),
    emc_mhz=(204.0, 800.0, 1065.6, 1600.0),
    draw=Draw(idle=4.2, cpus=6.0, gpu=9.5, locked=0.8),
    memory_kib=7019320,
    swap_kib=3509648,
    fan="hwmon",
    nvmap=True,
)  # fmt: skip

JETSON_ORIN_NANO = BoardFacts(
    name="jetson-orin-nano",
    model="NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super",
    compatible=("nvidia,p3768-0000+p3767-0005-super", "nvidia,p3767-0005", "nvidia,tegra234"),
    soc="tegra234",
    module="p3767-0005",
    serial="1424219000004",
    dts="tegra234-p3768-0000+p3767-0005-nv-super.dts",
    release=JETPACK_6,
    gpu=Gpu("Orin", "8.7", 1024, ORIN_MHZ, "17000000.gpu", "/sys/devices/platform/gpu.0"),
    policies=((0, 1, 2, 3), (4, 5)),
    cpu_khz=ORIN_KHZ,
    governors=GOVERNORS,
    governor="schedutil",
    modes=(Mode(0, "15W", 6, 1510400, 612.0), Mode(1, "25W", 6, 1344000, 918.0),
           Mode(2, "MAXN_SUPER", 6, 1728000, 1020.0), Mode(3, "7W", 4, 960000, 408.0, mask=1)),
    mode=1,
    chips=(Chip("hwmon", "1-0040", (Rail("VDD_IN", 1.0), Rail("VDD_CPU_GPU_CV", 0.5), Rail("VDD_SOC", 0.2))),),
    zones=("cpu-thermal", "gpu-thermal", "cv0-thermal", "cv1-thermal", "cv2-thermal", "soc0-thermal", "soc1-thermal",
           "soc2-thermal", "tj-thermal"),
    cooling=("cpufreq-cpu0", "cpufreq-cpu4", "devfreq-17000000.gpu", *ORIN_ALERTS, "hot-surface-alert", "pwm-fan"),
    emc_mhz=(204.0, 665.6, 2133.0, 3199.0),
    draw=Draw(idle=5.7, cpus=5.5, gpu=11.0, locked=1.1),
    memory_kib=7802880,
    swap_kib=3901440,
    fan="hwmon",
    over_current=True,
    nvmap=True,
)  # fmt: skip

JETSON_AGX_ORIN = BoardFacts(
    name="jetson-agx-orin",
    model="Jetson AGX Orin Developer Kit",
    compatible=("nvidia,p3737-0000+p3701-0005", "nvidia,p3701-0005", "nvidia,tegra234"),
    soc="tegra234",
    module="p3701-0005",
    serial="1424219000005",
    dts="tegra234-p3701-0005-p3737-0000.dts",
    release=JETPACK_5,
    gpu=Gpu("Orin", "8.7", 2048, (306.0, 408.0, 510.0, 612.0, 714.0, 816.0, 918.0, 1020.0, 1122.0, 1300.5),
            "17000000.ga10b", "/sys/devices/platform/gpu.0", dla=2),
    policies=((0, 1, 2, 3), (4, 5, 6, 7), (8, 9, 10, 11)),
    cpu_khz=(*ORIN_KHZ, 1881600, 2035200, 2201600),
    governors=GOVERNORS,
    governor="schedutil",
    modes=(Mode(0, "MAXN", 12, 2201600, 1300.5), Mode(1, "MODE_15W", 4, 1113600, 408.0, mask=1),
           Mode(2, "MODE_30W", 8, 1728000, 612.0, mask=2), Mode(3, "MODE_50W", 12, 1497600, 816.0)),
    mode=0,
    chips=(Chip("hwmon", "1-0040", (Rail("VDD_GPU_SOC", 0.5, 19.6, 2), Rail("VDD_CPU_CV", 0.3, 19.6, 2),
                                    Rail("VIN_SYS_5V0", 0.2, 5.0, 2))),
           Chip("hwmon", "1-0041", (Rail("NC", 0.0, 19.6, 2), Rail("VDDQ_VDD2_1V8AO", 0.1, 5.0, 2),
                                    Rail("NC", 0.0, 19.6, 2)))),
    zones=("CPU-therm", "GPU-therm", "CV0-therm", "CV1-therm", "CV2-therm", "SOC0-therm", "SOC1-therm", "SOC2-therm",
           "tj-therm", "Tboard-therm", "Tdiode-therm"),
    cooling=("cpufreq-cpu0", "cpufreq-cpu4", "cpufreq-cpu8", "devfreq-17000000.ga10b", *ORIN_ALERTS,
             "hot-surface-alert", "pwm-fan"),
    emc_mhz=(204.0, 665.6, 2133.0, 3199.0),
    draw=Draw(idle=8.0, cpus=14.0, gpu=30.0, locked=3.0),
    memory_kib=64308248,
    swap_kib=32153600,
    fan="hwmon",
    over_current=True,
    nvmap=True,
)  # fmt: skip

JETSON_THOR = BoardFacts(
    name="jetson-thor",
    model="NVIDIA Jetson AGX Thor Developer Kit",
    compatible=("nvidia,p4071-0000+p3834-0008", "nvidia,p3834-0008", "nvidia,tegra264"),
    soc="tegra264",
    module="p3834-0008",
    serial="1424219000006",
    dts=None,
    release=JETPACK_7,
    gpu=Gpu("NVIDIA Thor", "11.0", 2560, (315.0, 630.0, 945.0, 1260.0, 1575.0), "gpu-gpc-0", "/sys/devices/gpu-gpc-0"),
    policies=tuple((cpu,) for cpu in range(14)),
    cpu_khz=(972000, 1566000, 1890000, 2601000),
    governors=GOVERNORS,
    governor="schedutil",
    modes=(Mode(0, "MAXN", 14, 2601000, 1575.0), Mode(1, "120W", 12, 2601000, 1386.0, mask=1)),
    mode=1,
    chips=(Chip("hwmon", "2-0040", (Rail("VDD_GPU", 0.35, 19.6, 2), Rail("VDD_CPU_SOC_MSS", 0.3, 19.6, 2),
                                    Rail("VIN_SYS_5V0", 0.2, 5.0, 2))),
           Chip("ina238", "", (Rail("VIN", 1.0, 19.6, 5),))),
    zones=("cpu-thermal", "tj-thermal", "soc012-thermal", "soc345-thermal"),
    gated=("gpu-thermal",),
    cooling=("cpu-throttle-alert", "gpu-throttle-alert", "soc012-throttle-alert", "hot-surface-alert", "pwm-fan"),
    emc_mhz=(665.6, 2750.0, 4266.0),
    draw=Draw(idle=17.0, cpus=30.0, gpu=60.0, locked=8.0),
    memory_kib=128790528,
    swap_kib=0,
    fan="hwmon",
    over_current=True,
)  # fmt: skip


def _pi(name: str, model: str, soc: str, cpu_khz: tuple[int, ...], draw: Draw, serial: str) -> BoardFacts:
    return BoardFacts(
        name=name,
        model=model,
        compatible=(f"raspberrypi,{name.removeprefix('raspberry-pi-')}-model-b", f"brcm,{soc}"),
        soc=soc,
        module="",
        serial=serial,
        dts=None,
        release=None,
        gpu=None,
        policies=((0, 1, 2, 3),),
        cpu_khz=cpu_khz,
        governors=GOVERNORS,
        governor="ondemand",
        modes=(),
        mode=0,
        chips=(),
        zones=("cpu-thermal",),
        cooling=("cpufreq-cpu0",),
        emc_mhz=(),
        draw=draw,
        memory_kib=8245440,
        swap_kib=524272,
    )


RASPBERRY_PI_5 = _pi("raspberry-pi-5", "Raspberry Pi 5 Model B Rev 1.0", "bcm2712",
                     (1500000, 1600000, 1800000, 2000000, 2200000, 2400000), Draw(2.7, 5.0, 0.0, 0.2),
                     "10000000a1b2c3d5")  # fmt: skip
RASPBERRY_PI_4 = _pi("raspberry-pi-4", "Raspberry Pi 4 Model B Rev 1.4", "bcm2711", (600000, 1000000, 1500000),
                     Draw(2.1, 3.6, 0.0, 0.2), "10000000a1b2c3d4")  # fmt: skip

BOARDS = {
    facts.name: facts
    for facts in (JETSON_NANO, JETSON_NANO_2GB, JETSON_XAVIER_NX, JETSON_ORIN_NANO, JETSON_AGX_ORIN, JETSON_THOR,
                  RASPBERRY_PI_4, RASPBERRY_PI_5)
}  # fmt: skip
"""Profile -> board."""
