// SPDX-License-Identifier: Apache-2.0
//
// What is there and what is missing for each platform, with the next step. Facts: Open Enclave's
// and
// Intel's documentation of what a host with flexible launch control needs.
package dev.svr2.host.doctor;

import dev.svr2.enclave.EnclaveException;
import dev.svr2.enclave.Platform;
import dev.svr2.enclave.SignedImage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Immutable. Reads files, starts nothing. */
public final class Doctor {
  private static final int JAVA_BASELINE = 17;
  private static final String DEFAULT_SDK = "/opt/openenclave";
  private static final String DCAP =
      "install Intel's DCAP packages (libsgx-dcap-ql, libsgx-dcap-default-qpl) or your cloud's";

  private final Machine machine;
  private final Path home;
  private final int replicas;

  /**
   * Looks at one machine.
   *
   * @param home where the images are: below {@code build/}, or beside the distribution's libraries
   * @param replicas how many are to run on this machine
   */
  public Doctor(Machine machine, Path home, int replicas) {
    this.machine = machine;
    this.home = home;
    this.replicas = replicas;
  }

  /** Everything that matters to a platform, the worst not first but in the order to set it up. */
  public List<Finding> examine(Platform platform) {
    List<Finding> findings = new ArrayList<>();
    findings.add(java());
    findings.add(architecture());
    switch (platform) {
      case LOCAL -> image("enclave.signed.local", platform, "make enclave", findings);
      case OE_SIMULATION -> {
        sdk(findings);
        image("enclave.signed", platform, "make enclave-oe", findings);
      }
      case SGX -> {
        cpu(findings);
        driver(findings);
        quoteProvider(findings);
        sdk(findings);
        image("enclave.signed", platform, "make enclave-oe", findings);
      }
    }
    return findings;
  }

  /** True when nothing is missing. */
  public static boolean usable(List<Finding> findings) {
    return findings.stream().noneMatch(finding -> finding.status() == Finding.Status.MISSING);
  }

  private Finding java() {
    String found = "Java " + machine.javaFeature();
    return machine.javaFeature() >= JAVA_BASELINE
        ? Finding.ok("Java", found)
        : Finding.missing("Java", found, "install JDK " + JAVA_BASELINE + " or later");
  }

  private Finding architecture() {
    String found = machine.architecture();
    return found.equals("amd64")
        ? Finding.ok("architecture", found)
        : Finding.missing("architecture", found, "enclaves and the bridge are built for x86-64");
  }

  private void cpu(List<Finding> findings) {
    Set<String> flags = machine.cpuFlags();
    if (!flags.contains("sgx")) {
      findings.add(
          Finding.missing(
              "CPU",
              "no flag sgx",
              "take a CPU with SGX, switch SGX on in the firmware, and in a virtual machine have it"
                  + " passed through; Linux 5.11 or later shows the flag"));
    } else if (!flags.contains("sgx_lc")) {
      findings.add(
          Finding.missing(
              "CPU",
              "sgx, but no flag sgx_lc",
              "switch on flexible launch control in the firmware: attestation by DCAP needs it"));
    } else {
      findings.add(Finding.ok("CPU", "sgx, sgx_lc"));
    }
  }

  private void driver(List<Finding> findings) {
    device("/dev/sgx_enclave", "enclaves cannot be created", findings);
    device("/dev/sgx_provision", "there is no attestation without it", findings);
  }

  private void device(String path, String without, List<Finding> findings) {
    if (!machine.exists(path)) {
      findings.add(
          Finding.missing(
              "driver",
              "no " + path,
              without
                  + ": use Linux 5.11 or later with CONFIG_X86_SGX, and pass the device into containers"));
    } else if (!machine.mayReadAndWrite(path)) {
      findings.add(
          Finding.missing(
              "driver",
              path + " may not be read and written",
              without + ": add this user to the group of the device (sgx, sgx_prv)"));
    } else {
      findings.add(Finding.ok("driver", path));
    }
  }

  private void quoteProvider(List<Finding> findings) {
    library("libsgx_enclave_common.so.1", "install Intel's libsgx-enclave-common", findings);
    library("libsgx_dcap_ql.so.1", DCAP, findings);
    library("libdcap_quoteprov.so", DCAP, findings);
    if (machine.exists("/etc/sgx_default_qcnl.conf")) {
      findings.add(Finding.ok("collateral", "/etc/sgx_default_qcnl.conf"));
    } else {
      findings.add(
          Finding.warning(
              "collateral",
              "no /etc/sgx_default_qcnl.conf",
              "Intel's provider takes the address of the certificate cache from it; a cloud's may not need it"));
    }
  }

  private void library(String name, String next, List<Finding> findings) {
    Optional<Path> path = machine.library(name);
    findings.add(
        path.isPresent()
            ? Finding.ok("quote provider", path.get().toString())
            : Finding.missing("quote provider", "no " + name, next));
  }

  private void sdk(List<Finding> findings) {
    String prefix = machine.environment().getOrDefault("OE_SDK", DEFAULT_SDK);
    boolean there = machine.exists(prefix + "/bin/oesign");
    findings.add(
        there
            ? Finding.ok("Open Enclave SDK", prefix)
            : Finding.warning(
                "Open Enclave SDK",
                "none at " + prefix,
                "needed to build, not to run: install it there, or name its prefix in OE_SDK"));
  }

  private void image(String name, Platform platform, String build, List<Finding> findings) {
    Path path = home.resolve("build").resolve(name);
    if (!Files.exists(path)) {
      path = home.resolve(name);
    }
    if (!Files.exists(path)) {
      findings.add(
          Finding.missing("image", "no " + name + " in " + home, "build it with '" + build + "'"));
      return;
    }
    try {
      SignedImage image = SignedImage.inspect(path);
      findings.add(
          Finding.ok(
              "image", path + ", measurement " + HexFormat.of().formatHex(image.measurement())));
      if (platform == Platform.SGX && image.properties().getOrDefault("Debug", 0L) != 0) {
        findings.add(
            Finding.missing(
                "image",
                "signed with Debug=1",
                "sign it with svr2.conf: peers and clients refuse it"));
      }
      findings.addAll(Sizing.onMachine(machine, platform, image.properties(), replicas));
    } catch (EnclaveException e) {
      findings.add(Finding.missing("image", e.getMessage(), "build it anew with '" + build + "'"));
    }
  }
}
