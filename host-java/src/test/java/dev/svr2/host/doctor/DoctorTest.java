// SPDX-License-Identifier: Apache-2.0
//
// A machine is a folder here: each thing that is missing is named, with what to do.
package dev.svr2.host.doctor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.enclave.Platform;
import dev.svr2.proto.EnclaveConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DoctorTest {
  private static final long PAGES_PER_MIB = 256;

  @TempDir private Path root;
  @TempDir private Path home;

  @BeforeEach
  void aMachineWithEverything() throws IOException {
    write("proc/cpuinfo", "processor : 0\nflags\t\t: fpu sse2 sgx sgx_lc rdrand\n");
    write("proc/meminfo", "MemTotal: 33554432 kB\nMemAvailable:   16777216 kB\n");
    write("dev/sgx_enclave", "");
    write("dev/sgx_provision", "");
    write("usr/lib/x86_64-linux-gnu/libsgx_enclave_common.so.1", "");
    write("usr/lib/x86_64-linux-gnu/libsgx_dcap_ql.so.1", "");
    write("usr/lib/x86_64-linux-gnu/libdcap_quoteprov.so", "");
    write("etc/sgx_default_qcnl.conf", "{}");
    write("opt/openenclave/bin/oesign", "");
    Path image = Path.of(System.getProperty("svr2.root"), "build/enclave.signed.local");
    Files.createDirectories(home.resolve("build"));
    Files.copy(image, home.resolve("build/enclave.signed.local"));
    // Nothing is started: any signed image will do in the place of Open Enclave's.
    Files.copy(image, home.resolve("build/enclave.signed"));
  }

  private void write(String path, String text) throws IOException {
    Path file = root.resolve(path);
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }

  private Machine machine() {
    return new Machine(root, Map.of(), 8, "amd64", 17);
  }

  private List<Finding> examine(Platform platform) {
    return new Doctor(machine(), home, 1).examine(platform);
  }

  @Test
  void whereNothingIsMissingEveryPlatformCanBeUsed() {
    for (Platform platform : Platform.values()) {
      List<Finding> findings = examine(platform);
      assertTrue(Doctor.usable(findings), () -> platform + ": " + findings);
      assertTrue(
          findings.stream().allMatch(f -> f.status() == Finding.Status.OK), findings::toString);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "dev/sgx_enclave, SGX, driver",
    "dev/sgx_provision, SGX, driver",
    "proc/cpuinfo, SGX, CPU",
    "usr/lib/x86_64-linux-gnu/libsgx_enclave_common.so.1, SGX, quote provider",
    "usr/lib/x86_64-linux-gnu/libsgx_dcap_ql.so.1, SGX, quote provider",
    "usr/lib/x86_64-linux-gnu/libdcap_quoteprov.so, SGX, quote provider",
  })
  void whatIsMissingIsNamedAndStopsItsPlatformOnly(String path, Platform platform, String what)
      throws IOException {
    Files.delete(root.resolve(path));
    List<Finding> findings = examine(platform);
    assertFalse(Doctor.usable(findings));
    List<Finding> missing =
        findings.stream().filter(f -> f.status() == Finding.Status.MISSING).toList();
    assertEquals(1, missing.size(), missing::toString);
    assertEquals(what, missing.get(0).what());
    assertFalse(missing.get(0).next().isEmpty());
    assertTrue(Doctor.usable(examine(Platform.LOCAL)));
    assertTrue(Doctor.usable(examine(Platform.OE_SIMULATION)));
  }

  @Test
  void aCpuWithoutLaunchControlIsNotEnough() throws IOException {
    write("proc/cpuinfo", "flags : fpu sgx\n");
    Finding cpu = find(examine(Platform.SGX), "CPU");
    assertEquals(Finding.Status.MISSING, cpu.status());
    assertTrue(cpu.found().contains("sgx_lc"));
  }

  @Test
  void anImageThatIsNotThereOrAlteredIsMissing() throws IOException {
    Path image = home.resolve("build/enclave.signed.local");
    byte[] bytes = Files.readAllBytes(image);
    bytes[bytes.length / 2] ^= 1;
    Files.write(image, bytes);
    assertEquals(Finding.Status.MISSING, find(examine(Platform.LOCAL), "image").status());
    Files.delete(image);
    Finding absent = find(examine(Platform.LOCAL), "image");
    assertEquals(Finding.Status.MISSING, absent.status());
    assertTrue(absent.next().contains("make enclave"));
  }

  @Test
  void theSdkIsNeededToBuildOnly() throws IOException {
    Files.delete(root.resolve("opt/openenclave/bin/oesign"));
    List<Finding> findings = examine(Platform.OE_SIMULATION);
    assertTrue(Doctor.usable(findings));
    assertEquals(Finding.Status.WARNING, find(findings, "Open Enclave SDK").status());
    Machine elsewhere = new Machine(root, Map.of("OE_SDK", "/srv/oe"), 8, "amd64", 17);
    write("srv/oe/bin/oesign", "");
    assertEquals(
        Finding.Status.OK,
        find(new Doctor(elsewhere, home, 1).examine(Platform.SGX), "Open Enclave SDK").status());
  }

  @Test
  void anOldJavaOrAnotherArchitectureIsNamed() {
    List<Finding> findings =
        new Doctor(new Machine(root, Map.of(), 8, "aarch64", 11), home, 1).examine(Platform.LOCAL);
    assertEquals(Finding.Status.MISSING, find(findings, "Java").status());
    assertEquals(Finding.Status.MISSING, find(findings, "architecture").status());
  }

  @Test
  void openEnclaveCommitsMemoryAtTheStartAndLocalDoesNot() throws IOException {
    write("proc/meminfo", "MemAvailable: 1024 kB\n");
    assertEquals(Finding.Status.MISSING, find(examine(Platform.OE_SIMULATION), "memory").status());
    assertEquals(Finding.Status.WARNING, find(examine(Platform.LOCAL), "memory").status());
  }

  @Test
  void protectedMemoryOfAllNodesCounts() throws IOException {
    long half = Sizing.imageBytes(image(1024, 64, 16)) / 2;
    write("sys/devices/system/node/node0/x86/sgx_total_bytes", half + "\n");
    write("sys/devices/system/node/node1/x86/sgx_total_bytes", half + "\n");
    List<Finding> one = Sizing.onMachine(machine(), Platform.SGX, image(1024, 64, 16), 1);
    assertTrue(one.stream().allMatch(f -> f.status() == Finding.Status.OK), one::toString);
    List<Finding> two = Sizing.onMachine(machine(), Platform.SGX, image(1024, 64, 16), 2);
    assertEquals(Finding.Status.WARNING, find(two, "protected memory").status());
  }

  @Test
  void aHeapThatHasNoRoomForTheRowsIsNamedWithWhatFits() {
    EnclaveConfig config = EnclaveConfig.newBuilder().setMaxRows(4_000_000).build();
    Finding heap = find(Sizing.forConfiguration(image(256, 64, 8), config, 4), "heap");
    assertEquals(Finding.Status.WARNING, heap.status());
    assertTrue(heap.next().matches("about [1-9][0-9]{5,6} rows fit.*"), heap::next);
    assertEquals(
        Finding.Status.OK,
        find(Sizing.forConfiguration(image(1024, 64, 8), config, 4), "heap").status());
  }

  @Test
  void moreThreadsThanTheImageTakesAreNamed() {
    List<Finding> findings =
        Sizing.forConfiguration(image(1024, 64, 4), EnclaveConfig.getDefaultInstance(), 4);
    assertEquals(Finding.Status.WARNING, find(findings, "enclave threads").status());
    assertEquals(
        Finding.Status.WARNING,
        find(Sizing.onMachine(machine(), Platform.LOCAL, image(64, 64, 17), 1), "threads")
            .status());
  }

  @Test
  void aFindingThatAsksForNothingIsNone() {
    assertThrows(IllegalArgumentException.class, () -> Finding.missing("x", "y", ""));
  }

  private static Map<String, Long> image(long heapMib, long stackPages, long threads) {
    Map<String, Long> properties = new HashMap<>();
    properties.put("NumHeapPages", heapMib * PAGES_PER_MIB);
    properties.put("NumStackPages", stackPages);
    properties.put("NumTCS", threads);
    return properties;
  }

  private static Finding find(List<Finding> findings, String what) {
    return findings.stream().filter(f -> f.what().equals(what)).findFirst().orElseThrow();
  }
}
