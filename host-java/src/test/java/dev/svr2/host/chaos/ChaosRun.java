// SPDX-License-Identifier: Apache-2.0
//
// Three hosts under load while one thing after the other goes wrong: killed, stopped, ended in
// order, cut off, slowed down. After each the group must be whole again by itself. What
// clients were told must fit what a group that keeps its word can say (History).
package dev.svr2.host.chaos;

import dev.svr2.host.cluster.ReplicaView;
import dev.svr2.host.log.Logs;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;

/** {@code make chaos CHAOS_SECONDS=600}. */
final class ChaosRun {
  private static final int PARALLEL = 4;
  private static final Duration HOLD_LIMIT = Duration.ofMinutes(1);

  /** A fault that makes everything slow lasts no longer, once the fewest operations are through. */
  private static final Duration HOLD_LONG = Duration.ofSeconds(10);

  /** Answers during a fault that leaves a quorum, and attempts during one that does not. */
  private static final int HOLD_MIN = 20;

  private static final int HOLD_SPREAD = 300;
  private static final int DELAY_MAX_MS = 120;

  /**
   * A silent voter is replaced after 2 s, so that the next may be killed; a replica that is gone is
   * forgotten after 20 s, else the list of members would be full of them.
   */
  static final List<String> CONFIG =
      List.of(
          "enclave.replica_voting_timeout_ticks: 20",
          "enclave.replica_membership_timeout_ticks: 200");

  /** What goes wrong. Kills are as frequent as all else together. */
  enum Fault {
    KILL_LEADER(25),
    KILL_ANY(25),
    /** SIGTERM: hands over, leaves. */
    END(10),
    /** SIGSTOP, then SIGCONT. */
    FREEZE(12),
    /** All links of one replica, both ways. */
    ISOLATE(8),
    /** One replica is heard by nobody, and hears all. */
    MUTE(6),
    /** One link, both ways. */
    CUT_PAIR(4),
    /** The connections of one replica break and cannot be made. */
    BREAK(4),
    /** Nobody hears anybody. */
    SILENCE(2),
    SLOW(4);

    private final int weight;

    Fault(int weight) {
      this.weight = weight;
    }

    static Fault choose(Random random) {
      int all = 0;
      for (Fault fault : values()) {
        all += fault.weight;
      }
      int at = random.nextInt(all);
      for (Fault fault : values()) {
        at -= fault.weight;
        if (at < 0) {
          return fault;
        }
      }
      throw new AssertionError();
    }
  }

  private final Duration duration;
  private final Random random;
  private final long seed;
  private final PrintStream out;
  private final Rig rig;
  private final Map<Fault, Integer> faults = new EnumMap<>(Fault.class);
  private Load load;

  private ChaosRun(Rig rig, Duration duration, long seed, PrintStream out) {
    this.rig = rig;
    this.duration = duration;
    this.seed = seed;
    this.out = out;
    random = new Random(seed);
  }

  /**
   * Runs it all.
   *
   * @param directory for the hosts' files
   * @throws AssertionError when a client saw what it must not see, or the group did not heal
   */
  static void run(Path directory, Duration duration, long seed, PrintStream out) throws Exception {
    out.println(
        "chaos: %d s, seed %d, files in %s".formatted(duration.toSeconds(), seed, directory));
    try (Rig rig = new Rig(directory, CONFIG)) {
      new ChaosRun(rig, duration, seed, out).run();
    }
  }

  /** {@code ChaosRun DIRECTORY SECONDS [SEED]}. */
  public static void main(String[] args) throws Exception {
    var unused = Logs.quiet();
    long seed = args.length > 2 ? Long.parseLong(args[2]) : new Random().nextLong();
    run(Path.of(args[0]), Duration.ofSeconds(Long.parseLong(args[1])), seed, System.out);
  }

  private void run() throws Exception {
    rig.awaitHealed();
    long end = System.nanoTime() + duration.toNanos();
    try (Load running = rig.startLoad(PARALLEL, seed)) {
      load = running;
      while (System.nanoTime() - end < 0) {
        one(Fault.choose(random));
      }
      replaceEach();
      load.finish();
      rig.checkHashes();
    } catch (AssertionError e) {
      out.println("FAILED, seed %d: %s".formatted(seed, e.getMessage()));
      out.println(rig.describe());
      throw e;
    }
    int kills = count(Fault.KILL_LEADER) + count(Fault.KILL_ANY);
    out.println("faults: " + faults);
    out.println("clients: " + load);
    out.println(
        "PASSED, seed %d: %d s, %d kills; nothing lost, no guess too many"
            .formatted(seed, duration.toSeconds(), kills));
  }

  private int count(Fault fault) {
    return faults.getOrDefault(fault, 0);
  }

  /** The rolling restart of an operator, under load. */
  private void replaceEach() throws Exception {
    for (int number = 1; number <= 3; number++) {
      replace(rig.cluster().views().get(number - 1), "TERM", Fault.END);
    }
  }

  private void one(Fault fault) throws Exception {
    List<ReplicaView> replicas = rig.cluster().views();
    ReplicaView victim = replicas.get(random.nextInt(replicas.size()));
    switch (fault) {
      case KILL_LEADER -> replace(leaderOr(victim), "KILL", fault);
      case KILL_ANY -> replace(victim, "KILL", fault);
      case END -> replace(victim, "TERM", fault);
      case FREEZE -> {
        Rig.signal(victim, "STOP");
        try {
          hold(true);
        } finally {
          Rig.signal(victim, "CONT");
        }
        heal(fault, victim);
      }
      case ISOLATE -> cut(fault, victim, TcpProxy.Mode.HOLD_BOTH);
      case BREAK -> cut(fault, victim, TcpProxy.Mode.BREAK);
      case MUTE -> {
        rig.links().set(TcpProxy.Mode.HOLD_REQUESTS, (from, to) -> from == victim.number());
        hold(true);
        heal(fault, victim);
      }
      case CUT_PAIR -> {
        int other = victim.number() % 3 + 1;
        rig.links()
            .set(TcpProxy.Mode.HOLD_BOTH, (from, to) -> from + to == victim.number() + other);
        hold(true);
        heal(fault, victim);
      }
      case SILENCE -> {
        rig.links().set(TcpProxy.Mode.HOLD_BOTH, (from, to) -> true);
        hold(false);
        heal(fault, victim);
      }
      case SLOW -> {
        rig.links().delay(Duration.ofMillis(1 + random.nextInt(DELAY_MAX_MS)));
        hold(true);
        heal(fault, victim);
      }
    }
  }

  private ReplicaView leaderOr(ReplicaView other) {
    return rig.cluster().views().stream().filter(ReplicaView::leads).findFirst().orElse(other);
  }

  /** Ends a host; the group had enough voters to lose one, and has again when this returns. */
  private void replace(ReplicaView victim, String signal, Fault fault) throws Exception {
    long begin = System.nanoTime();
    Rig.signal(victim, signal);
    rig.awaitReplaced(victim, load::check);
    healed(fault, victim, begin);
  }

  private void cut(Fault fault, ReplicaView victim, TcpProxy.Mode mode) throws Exception {
    rig.links().set(mode, (from, to) -> from == victim.number() || to == victim.number());
    hold(true);
    heal(fault, victim);
  }

  /** Lets a fault last for a while: so many operations. */
  private void hold(boolean quorum) throws Exception {
    int more = HOLD_MIN + random.nextInt(HOLD_SPREAD);
    long from = operations(quorum);
    long begin = System.nanoTime();
    Waiting.until(
        quorum ? "a group with a quorum answers" : "clients try on",
        HOLD_LIMIT,
        () -> rig.describe() + load,
        () -> {
          load.check();
          long done = operations(quorum) - from;
          boolean isLong = System.nanoTime() - begin > HOLD_LONG.toNanos();
          return done >= more || (isLong && done >= HOLD_MIN);
        });
  }

  private long operations(boolean answered) {
    return answered ? load.answered() : load.attempts();
  }

  private void heal(Fault fault, ReplicaView victim) throws Exception {
    rig.links().heal();
    healed(fault, victim, System.nanoTime());
  }

  private void healed(Fault fault, ReplicaView victim, long begin) throws Exception {
    rig.awaitHealed(load::check);
    faults.merge(fault, 1, Integer::sum);
    out.println(
        "%s of replica %d (%s): whole again after %d ms; %s"
            .formatted(
                fault,
                victim.number(),
                victim.role(),
                TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begin),
                load));
  }
}
