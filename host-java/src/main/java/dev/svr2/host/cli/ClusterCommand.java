// SPDX-License-Identifier: Apache-2.0
//
// `svr2 cluster`: what `make run` calls. A group on this machine, with everything that a second
// terminal needs. Source: cli.md, "make run".
package dev.svr2.host.cli;

import dev.svr2.enclave.Platform;
import dev.svr2.host.auth.AuthSecrets;
import dev.svr2.host.cli.client.ExitCode;
import dev.svr2.host.cluster.Cluster;
import dev.svr2.host.cluster.ClusterSettings;
import dev.svr2.host.cluster.GroupHealth;
import dev.svr2.host.cluster.ReplicaAddresses;
import dev.svr2.host.cluster.RunFolder;
import dev.svr2.host.cluster.Screen;
import dev.svr2.host.cluster.Seeder;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

@Command(
    name = "cluster",
    description = {
      "Runs a group of replicas on this machine, one process each, until SIGTERM or Ctrl-C.",
      "A process that ends is started again as a new replica, which joins the group by itself.",
      "Files go into .run/: configurations, logs and process ids of the replicas, pins.json and",
      "auth-secret. Progress goes to standard error. Standard output gets commands to try, and a line",
      "READY client=HOST:PORT control=HOST:PORT replicas=HOST:PORT,... when the group is complete."
    },
    mixinStandardHelpOptions = true)
final class ClusterCommand implements Callable<Integer> {
  private static final ClusterSettings.Group GROUP = ClusterSettings.Group.DEMO;
  private static final int REPLICAS_MAX = 16;
  private static final int SEED_PARALLEL = 8;
  private static final int PORT_ATTEMPTS = 5;
  private static final Duration REDRAW = Duration.ofMillis(250);

  /**
   * On one machine a silent replica is soon known to be dead: after 5 s it votes no more, after 30
   * s it is forgotten, so that many can be killed one after the other.
   */
  private static final List<String> QUICK_HEALING =
      List.of(
          "enclave.replica_voting_timeout_ticks: 50",
          "enclave.replica_membership_timeout_ticks: 300");

  @Spec private CommandSpec spec;

  @Option(
      names = "--replicas",
      required = true,
      paramLabel = "N",
      description = "How many, 3 to 16; up to 5 of them vote.")
  private int replicas;

  @Option(
      names = "--platform",
      paramLabel = "P",
      defaultValue = "local",
      converter = PlatformName.class,
      description =
          "Where the enclaves run: local or oe-simulation, which protect nothing, or sgx (default:"
              + " ${DEFAULT-VALUE}).")
  private Platform platform;

  @Option(
      names = "--seed-rows",
      paramLabel = "N",
      defaultValue = "0",
      description = "Store so many backups of made-up users before READY.")
  private long seedRows;

  @Option(
      names = "--dir",
      paramLabel = "DIR",
      defaultValue = ".run",
      description = "Where the files go (default: ${DEFAULT-VALUE}).")
  private Path directory;

  @Option(
      names = "--image",
      paramLabel = "FILE",
      description = "The signed enclave image (default: the one that was built for the platform).")
  private Path image;

  private final CountDownLatch stop = new CountDownLatch(1);
  private final AtomicBoolean signalled = new AtomicBoolean();
  private volatile Cluster cluster;
  private Screen screen;

  @Override
  public Integer call() throws CommandException, InterruptedException {
    checkNumbers();
    screen = new Screen(spec.commandLine().getErr(), isTerminal());
    Signals.handle("TERM", this::stopOrKill);
    Signals.handle("INT", this::stopOrKill);
    try (RunFolder folder = RunFolder.open(directory)) {
      folder.writeSecret(System.getenv("AUTH_SECRET"));
      return run(folder);
    } catch (IOException e) {
      throw new CommandException(ExitCode.FAILED, e.getMessage(), e);
    }
  }

  private void checkNumbers() throws CommandException {
    if (replicas < GROUP.minVoting()) {
      throw new CommandException(
          ExitCode.USAGE,
          "--replicas %d: the group answers nobody with fewer than %d voting replicas; give %2$d or more"
              .formatted(replicas, GROUP.minVoting()));
    }
    if (replicas > REPLICAS_MAX) {
      throw new CommandException(
          ExitCode.USAGE, "--replicas %d: at most %d".formatted(replicas, REPLICAS_MAX));
    }
    if (seedRows < 0) {
      throw new CommandException(ExitCode.USAGE, "--seed-rows must not be negative");
    }
  }

  private int run(RunFolder folder) throws CommandException, IOException, InterruptedException {
    ClusterSettings settings =
        new ClusterSettings(
            replicas,
            platform,
            imageFile(),
            GROUP,
            List.of(launcher().toString(), "host", "--watch-stdin"),
            Map.of("SVR2_JAVA", ProcessHandle.current().info().command().orElse("")),
            QUICK_HEALING,
            ClusterSettings.Routes.DIRECT,
            ClusterSettings.STOP_DEADLINE);
    try {
      if (awaitGroup(settings, folder) && seed(folder)) {
        announce(folder);
        awaitStop();
      }
    } finally {
      stopAll();
    }
    return ExitCode.DONE;
  }

  /** A port can be taken between its choice and the start of a host; then others are chosen. */
  private boolean awaitGroup(ClusterSettings settings, RunFolder folder)
      throws CommandException, IOException, InterruptedException {
    for (int attempt = 1; ; attempt++) {
      cluster = Cluster.start(settings, folder, ReplicaAddresses.choose(replicas));
      while (cluster.failure().isEmpty()) {
        if (cluster.complete()) {
          return true;
        }
        if (pause("")) {
          return false;
        }
      }
      screen.clear();
      String failure = cluster.failure();
      if (attempt == PORT_ATTEMPTS || !failure.startsWith("cannot listen on")) {
        throw new CommandException(ExitCode.FAILED, failure);
      }
      cluster.close();
    }
  }

  private boolean seed(RunFolder folder)
      throws CommandException, IOException, InterruptedException {
    if (seedRows == 0) {
      return true;
    }
    String secret = AuthSecrets.readText(folder.secret()).strip();
    try (Seeder seeder =
        Seeder.start(cluster.clientAddresses(), cluster.pins(), secret, seedRows, SEED_PARALLEL)) {
      while (!seeder.await(REDRAW)) {
        if (pause("seeding: %s of %d backups".formatted(seeder.done(), seedRows))) {
          return false;
        }
      }
      if (!seeder.failure().isEmpty()) {
        throw new CommandException(ExitCode.FAILED, "seeding: " + seeder.failure());
      }
      return true;
    }
  }

  private void announce(RunFolder folder) {
    screen.clear();
    PrintWriter out = spec.commandLine().getOut();
    ReplicaAddresses first = cluster.addresses(1);
    out.print(Tour.text(folder, cluster.views(), first));
    out.println(
        "READY client=%s control=%s replicas=%s%s"
            .formatted(
                first.client(),
                first.control(),
                String.join(",", cluster.clientAddresses()),
                cluster.pins().isProtected() ? "" : " NOT PROTECTED"));
    out.flush();
  }

  private void awaitStop() throws CommandException, InterruptedException {
    boolean stopped = false;
    while (!stopped) {
      stopped = pause(note(cluster.health()));
      if (!cluster.failure().isEmpty()) {
        throw new CommandException(ExitCode.FAILED, cluster.failure());
      }
    }
  }

  private static String note(GroupHealth health) {
    return health.lost()
        ? "LOST: %d of %d voters live, %d are needed: what the group kept is gone. Ctrl-C ends it."
            .formatted(health.livingVoters(), health.voters(), health.quorum())
        : "";
  }

  /** Shows the replicas and waits a little; true when told to stop. */
  private boolean pause(String note) throws InterruptedException {
    screen.show(cluster.views(), note);
    return stop.await(REDRAW.toMillis(), TimeUnit.MILLISECONDS);
  }

  private void stopAll() {
    if (cluster == null) {
      return;
    }
    screen.clear();
    PrintWriter err = spec.commandLine().getErr();
    err.println("ending the replicas");
    err.flush();
    cluster.stop(
        line -> {
          err.println(line);
          err.flush();
        });
    err.println("the group has ended, and with it everything it kept");
    err.flush();
  }

  private void stopOrKill() {
    if (!signalled.compareAndSet(false, true)) {
      Cluster running = cluster;
      if (running != null) {
        running.kill();
      }
      Runtime.getRuntime().halt(ExitCode.FAILED);
    }
    stop.countDown();
  }

  /** Hosts are started as a person would start them, whatever this process was started with. */
  private static Path launcher() throws CommandException {
    Path launcher = home().resolve("svr2").toAbsolutePath().normalize();
    if (!Files.isExecutable(launcher)) {
      throw new CommandException(
          ExitCode.FAILED, "there is no launcher %s to start hosts with".formatted(launcher));
    }
    return launcher;
  }

  private static Path home() {
    return Path.of(System.getProperty("svr2.home", ""));
  }

  private Path imageFile() throws CommandException {
    return image == null ? builtImage() : image.toAbsolutePath();
  }

  private Path builtImage() throws CommandException {
    String name = platform == Platform.LOCAL ? "enclave.signed.local" : "enclave.signed";
    List<String> places = List.of("build/" + name, "lib/" + name);
    for (String place : places) {
      Path candidate = home().resolve(place).toAbsolutePath().normalize();
      if (Files.exists(candidate)) {
        return candidate;
      }
    }
    throw new CommandException(
        ExitCode.FAILED,
        "there is no signed enclave image (looked for %s in %s); run 'make build', or give --image"
            .formatted(String.join(", ", places), home().toAbsolutePath()));
  }

  /** Whether standard error can be drawn on. */
  private static boolean isTerminal() {
    String term = System.getenv("TERM");
    if (term == null || term.isEmpty() || term.equals("dumb")) {
      return false;
    }
    try {
      String target = Files.readSymbolicLink(Path.of("/proc/self/fd/2")).toString();
      return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty");
    } catch (IOException | UnsupportedOperationException e) {
      return false;
    }
  }

  /** Platforms as the configuration names them. */
  static final class PlatformName implements ITypeConverter<Platform> {
    @Override
    public Platform convert(String text) {
      return java.util.Arrays.stream(Platform.values())
          .filter(one -> one.configName().equals(text.toLowerCase(Locale.ROOT)))
          .findFirst()
          .orElseThrow(
              () -> new TypeConversionException("is none of local, oe-simulation, sgx: " + text));
    }
  }
}
