// SPDX-License-Identifier: Apache-2.0
//
// `svr2 bench`: load on a running group, and what came of it.
package dev.svr2.host.cli.client;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import dev.svr2.client.Pins;
import dev.svr2.client.PinsException;
import dev.svr2.client.transport.Transport;
import dev.svr2.host.auth.AuthSecrets;
import dev.svr2.host.load.LoadGenerator;
import dev.svr2.host.load.Measurements;
import dev.svr2.host.load.Mix;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "bench",
    description = {
      "Loads a running group with made-up users: each operation connects, shakes hands, asks and closes.",
      "The users' backups are made first and deleted in the end. Ends with 1 when operations went wrong."
    },
    mixinStandardHelpOptions = true)
public final class BenchCommand implements Callable<Integer> {
  private static final int SETUP_PARALLEL = 64;
  private static final long FILE_MAX_BYTES = 1024 * 1024;
  private static final Gson GSON =
      new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().create();

  private final ClientIo io;
  @Spec private CommandSpec spec;

  @Option(
      names = "--target",
      required = true,
      split = ",",
      paramLabel = "HOST:PORT",
      description =
          "Client addresses of replicas (gRPC), used in turn; several separated by commas.")
  private List<String> targets;

  @Option(names = "--pins", required = true, paramLabel = "FILE", description = "The group's pins.")
  private Path pinsFile;

  @Option(
      names = "--allow-simulated",
      description = "Accept a group that protects nothing (platforms local and oe-simulation).")
  private boolean allowSimulated;

  @Option(
      names = "--auth-secret-file",
      required = true,
      paramLabel = "FILE",
      description = "The secret to make credentials with.")
  private Path authSecretFile;

  @Option(
      names = "--connections",
      defaultValue = "4",
      paramLabel = "N",
      description = "Connections to each address (default: ${DEFAULT-VALUE}).")
  private int connections;

  @Option(
      names = "--users",
      defaultValue = "1000",
      paramLabel = "N",
      description = "Made-up users (default: ${DEFAULT-VALUE}).")
  private int users;

  @Option(
      names = "--mix",
      defaultValue = "restore=9,backup=1",
      paramLabel = "OP=WEIGHT,…",
      description =
          "How often each of restore, backup (two requests) and tries is done (default: ${DEFAULT-VALUE}).")
  private String mix;

  @Option(
      names = "--in-flight",
      defaultValue = "64",
      paramLabel = "N",
      description = "Closed loop: so many operations at any time (default: ${DEFAULT-VALUE}).")
  private int inFlight;

  @Option(
      names = "--rate",
      paramLabel = "N",
      description =
          "Open loop instead: N operations a second, whatever comes back. Latency then counts from"
              + " when each was due.")
  private Double rate;

  @Option(
      names = "--seconds",
      defaultValue = "30",
      paramLabel = "N",
      description = "How long is measured (default: ${DEFAULT-VALUE}).")
  private int seconds;

  @Option(
      names = "--warm-up",
      defaultValue = "5",
      paramLabel = "N",
      description = "Seconds before, which do not count (default: ${DEFAULT-VALUE}).")
  private int warmUp;

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description =
          "Write the result there as JSON, too; - for standard output instead of the table.")
  private Path json;

  /** For the launcher. */
  public BenchCommand() {
    this(new ClientIo());
  }

  BenchCommand(ClientIo io) {
    this.io = io;
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    PrintWriter err = spec.commandLine().getErr();
    List<Transport> transports = new ArrayList<>();
    try {
      Mix chosen = chosenMix();
      Pins pins = pins();
      String secret = secret();
      for (String target : targets) {
        String address = ConnectionOptions.hostPort("--target", target.strip());
        for (int i = 0; i < connections; i++) {
          transports.add(io.transport(address));
        }
      }
      try (LoadGenerator load =
          new LoadGenerator(transports, pins, secret, users, chosen, io.timeout())) {
        return run(load, err);
      }
    } catch (CliException e) {
      err.println(e.getMessage());
      return ExitCode.USAGE;
    } finally {
      transports.forEach(Transport::close);
    }
  }

  private int run(LoadGenerator load, PrintWriter err) throws IOException, InterruptedException {
    err.println("storing a secret for each of " + users + " users");
    int failed = load.prepare(SETUP_PARALLEL);
    if (failed > 0) {
      err.println(
          failed + " of " + users + " users' secrets could not be stored; nothing is measured");
      int unused = load.cleanUp(SETUP_PARALLEL);
      return ExitCode.FAILED;
    }
    AtomicReference<Measurements> into = new AtomicReference<>(load.measure());
    if (rate == null) {
      load.runClosed(inFlight, into::get);
    } else {
      Thread thread = new Thread(() -> runOpen(load, into), "svr2-bench-open");
      thread.setDaemon(true);
      thread.start();
    }
    watch(into.get(), "warming up", warmUp, err);
    Measurements measured = load.measure();
    into.set(measured);
    long start = System.nanoTime();
    watch(measured, "measuring", seconds, err);
    double elapsed = (System.nanoTime() - start) / 1e9;
    // What ends from here on is counted elsewhere.
    into.set(load.measure());
    load.stop();
    Map<String, Object> result = result(load, measured, elapsed);
    report(result);
    int left = load.cleanUp(SETUP_PARALLEL);
    if (left > 0) {
      err.println(left + " of the users' backups could not be deleted");
    }
    return measured.good() == measured.done() ? ExitCode.DONE : ExitCode.FAILED;
  }

  private void runOpen(LoadGenerator load, AtomicReference<Measurements> into) {
    try {
      load.runOpen(rate, into::get);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void watch(Measurements counted, String what, int seconds, PrintWriter err)
      throws InterruptedException {
    long before = counted.good();
    for (int i = 1; i <= seconds; i++) {
      TimeUnit.SECONDS.sleep(1);
      long now = counted.good();
      err.println("%s %d/%d s: %d good/s".formatted(what, i, seconds, now - before));
      err.flush();
      before = now;
    }
  }

  private Map<String, Object> result(LoadGenerator load, Measurements measured, double elapsed) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("loop", rate == null ? "closed" : "open");
    out.put(rate == null ? "in_flight" : "rate", rate == null ? inFlight : rate);
    out.put("targets", targets);
    out.put("users", users);
    out.put("mix", mix);
    out.putAll(measured.describe(elapsed));
    out.put("left_out", load.leftOut());
    return out;
  }

  private void report(Map<String, Object> result) throws IOException {
    String text = GSON.toJson(result) + "\n";
    PrintWriter out = spec.commandLine().getOut();
    if (json != null && json.toString().equals("-")) {
      out.print(text);
    } else {
      if (json != null) {
        Files.writeString(json, text, StandardCharsets.UTF_8);
      }
      out.println(
          "%s good operations in %.1f s: %s/s"
              .formatted(
                  result.get("good"),
                  (Double) result.get("seconds"),
                  result.get("good_per_second")));
      out.println(
          "%-10s%10s%9s%9s%9s%9s%9s%9s"
              .formatted("ms", "count", "mean", "p50", "p90", "p99", "p99.9", "max"));
      ((Map<?, ?>) result.get("latency_micros")).forEach((name, values) -> line(out, name, values));
      ((Map<?, ?>) result.get("outcomes"))
          .forEach((name, count) -> out.println("%-40s%10s".formatted(name, count)));
      if ((Long) result.get("left_out") > 0) {
        out.println("left out, for too many were under way: " + result.get("left_out"));
      }
    }
    out.flush();
  }

  private static void line(PrintWriter out, Object name, Object values) {
    Map<?, ?> of = (Map<?, ?>) values;
    StringBuilder line = new StringBuilder("%-10s%10s".formatted(name, of.get("count")));
    for (String key : List.of("mean", "p50", "p90", "p99", "p99.9", "max")) {
      line.append(String.format(Locale.ROOT, "%9.2f", ((Number) of.get(key)).doubleValue() / 1000));
    }
    out.println(line);
  }

  private Mix chosenMix() throws CliException {
    if (users < 1
        || users > 10_000_000
        || inFlight < 1
        || seconds < 1
        || warmUp < 0
        || connections < 1
        || (rate != null && !(rate > 0))) {
      throw new CliException(
          "--users, --in-flight, --seconds, --connections and --rate are above 0");
    }
    try {
      return Mix.parse(mix);
    } catch (IllegalArgumentException e) {
      throw new CliException("--mix: " + e.getMessage());
    }
  }

  private Pins pins() throws CliException {
    try {
      byte[] text = ConnectionOptions.readFile("--pins", pinsFile, FILE_MAX_BYTES);
      Pins pins = Pins.parse(new String(text, StandardCharsets.UTF_8));
      if (!pins.isProtected() && !allowSimulated) {
        throw new CliException(
            "the pins are of a group that protects nothing; add --allow-simulated to use it all the same");
      }
      return pins;
    } catch (PinsException e) {
      throw new CliException(pinsFile + ": " + e.getMessage());
    }
  }

  private String secret() throws CliException {
    try {
      return AuthSecrets.readText(authSecretFile);
    } catch (IOException e) {
      throw new CliException("--auth-secret-file: " + e.getMessage());
    }
  }
}
