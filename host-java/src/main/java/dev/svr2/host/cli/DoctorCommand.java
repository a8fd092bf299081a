// SPDX-License-Identifier: Apache-2.0
//
// `svr2 doctor`: what this machine has and lacks for each platform.
package dev.svr2.host.cli;

import dev.svr2.enclave.EnclaveException;
import dev.svr2.enclave.Platform;
import dev.svr2.enclave.SignedImage;
import dev.svr2.host.cli.client.ExitCode;
import dev.svr2.host.config.ConfigException;
import dev.svr2.host.config.ConfigLoader;
import dev.svr2.host.config.HostConfig;
import dev.svr2.host.doctor.Doctor;
import dev.svr2.host.doctor.Finding;
import dev.svr2.host.doctor.Machine;
import dev.svr2.host.doctor.Sizing;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "doctor",
    description = {
      "Says what this machine has and lacks for each platform, and what to do next.",
      "Ends with 1 when the platform that was asked for (or that of --config) cannot be used;"
          + " without either, when none can."
    },
    mixinStandardHelpOptions = true)
final class DoctorCommand implements Callable<Integer> {
  private static final int FOUND_COLUMN = 29;

  @Spec private CommandSpec spec;

  @Option(
      names = "--platform",
      paramLabel = "PLATFORM",
      description = "Only this one: local, oe-simulation or sgx.",
      converter = ClusterCommand.PlatformName.class)
  private Platform platform;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description =
          "Also: does the image that this configuration names have room for what it promises?")
  private Path configFile;

  @Option(
      names = "--replicas",
      paramLabel = "N",
      defaultValue = "1",
      description = "How many are to run on this machine (default: ${DEFAULT-VALUE}).")
  private int replicas;

  @Option(names = "--json", description = Json.OPTION)
  private boolean json;

  @Override
  public Integer call() throws ConfigException, EnclaveException, CommandException {
    if (replicas < 1) {
      throw new CommandException(ExitCode.USAGE, "--replicas must be at least 1");
    }
    Map<Platform, List<Finding>> all = examine();
    if (json) {
      printJson(all);
    } else {
      all.forEach(this::print);
    }
    boolean usable =
        (platform == null && configFile == null)
            ? all.values().stream().anyMatch(Doctor::usable)
            : all.values().stream().allMatch(Doctor::usable);
    return usable ? ExitCode.DONE : ExitCode.FAILED;
  }

  private Map<Platform, List<Finding>> examine() throws ConfigException, EnclaveException {
    HostConfig config = configFile == null ? null : ConfigLoader.load(configFile, System.getenv());
    Doctor doctor =
        new Doctor(Machine.current(), Path.of(System.getProperty("svr2.home", ".")), replicas);
    Map<Platform, List<Finding>> all = new LinkedHashMap<>();
    for (Platform one : Platform.values()) {
      boolean wanted =
          platform != null ? one == platform : config == null || one == config.platform();
      if (wanted) {
        all.put(one, new ArrayList<>(doctor.examine(one)));
      }
    }
    if (config != null && all.containsKey(config.platform())) {
      SignedImage image = SignedImage.inspect(config.imagePath());
      all.get(config.platform())
          .addAll(
              Sizing.forConfiguration(
                  image.properties(), config.enclave(), config.runtime().enclaveThreads()));
    }
    return all;
  }

  private void print(Platform one, List<Finding> findings) {
    PrintWriter out = spec.commandLine().getOut();
    String verdict = Doctor.usable(findings) ? "can be used" : "cannot be used";
    out.println(one.configName() + ": " + verdict + (one.isProtected() ? "" : " (NOT PROTECTED)"));
    for (Finding finding : findings) {
      String mark =
          switch (finding.status()) {
            case OK -> "ok";
            case WARNING -> "warning";
            case MISSING -> "MISSING";
          };
      out.println("  %-8s %-17s %s".formatted(mark, finding.what(), finding.found()));
      if (!finding.next().isEmpty()) {
        out.println(" ".repeat(FOUND_COLUMN) + finding.next());
      }
    }
    out.flush();
  }

  private void printJson(Map<Platform, List<Finding>> all) {
    Map<String, Object> platforms = new LinkedHashMap<>();
    all.forEach(
        (one, findings) -> {
          Map<String, Object> fields = new LinkedHashMap<>();
          fields.put("usable", Doctor.usable(findings));
          fields.put("protected", one.isProtected());
          fields.put("findings", findings.stream().map(DoctorCommand::fields).toList());
          platforms.put(one.configName(), fields);
        });
    PrintWriter out = spec.commandLine().getOut();
    out.println(Json.object(platforms));
    out.flush();
  }

  private static Map<String, Object> fields(Finding finding) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("what", finding.what());
    fields.put("status", finding.status().name().toLowerCase(Locale.ROOT));
    fields.put("found", finding.found());
    fields.put("next", finding.next());
    return fields;
  }
}
