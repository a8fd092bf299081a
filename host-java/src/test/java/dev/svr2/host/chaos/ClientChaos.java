// SPDX-License-Identifier: Apache-2.0
//
// A replica is killed at each step of backups and restores, again and again; each must end in a
// result that is true: of what was sent, and of what the group then holds.
package dev.svr2.host.chaos;

import dev.svr2.host.chaos.Trap.Point;
import dev.svr2.host.log.Logs;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** {@code make chaos-client CHAOS_KILLS=1000}. */
final class ClientChaos {
  private static final int USERS = 8;
  private static final int LINE_EVERY = 50;

  /** A kill right after a request is so late at most, so that some requests get through. */
  private static final long LATE_MAX_NANOS = TimeUnit.MILLISECONDS.toNanos(4);

  /** What is done when the replica dies. */
  private enum What {
    BACKUP,
    RESTORE_RIGHT,
    RESTORE_WRONG
  }

  private record Scene(What what, Point point) {}

  private final SmallGroup group;
  private final Random random;
  private final PrintStream out;
  private final List<Victim> victims = new ArrayList<>();
  private final Map<String, Integer> results = new TreeMap<>();
  private final Map<Point, Integer> points = new TreeMap<>();
  private int users;

  private ClientChaos(SmallGroup group, Random random, PrintStream out) {
    this.group = group;
    this.random = random;
    this.out = out;
  }

  /** {@code ClientChaos KILLS [SEED]}. */
  public static void main(String[] args) throws Exception {
    var unused = Logs.quiet();
    long seed = args.length > 1 ? Long.parseLong(args[1]) : new Random().nextLong();
    run(Integer.parseInt(args[0]), Long.MAX_VALUE, seed, System.out);
    System.exit(0); // What gRPC left behind.
  }

  /**
   * Runs it.
   *
   * @param kills so many; ends earlier when {@code nanos} have passed
   * @return kills made
   * @throws History.Violation when a result was not true
   */
  static int run(int kills, long nanos, long seed, PrintStream out) throws Exception {
    out.println("chaos at each step: %d kills, seed %d".formatted(kills, seed));
    try (SmallGroup group = new SmallGroup()) {
      return new ClientChaos(group, new Random(seed), out).run(kills, nanos, seed);
    }
  }

  private int run(int kills, long nanos, long seed) throws Exception {
    long begin = System.nanoTime();
    int done = 0;
    List<Scene> scenes = new ArrayList<>();
    try {
      while (done < kills && System.nanoTime() - begin < nanos) {
        if (scenes.isEmpty()) {
          scenes = shuffledScenes();
        }
        if (one(scenes.remove(scenes.size() - 1))) {
          done++;
          if (done % LINE_EVERY == 0) {
            out.println("%d kills in %d s: %s".formatted(done, seconds(begin), results));
          }
        }
        group.heal();
      }
    } catch (AssertionError | RuntimeException e) {
      out.println("FAILED after %d kills, seed %d: %s".formatted(done, seed, e.getMessage()));
      throw e;
    }
    out.println("killed at: " + points);
    out.println("results: " + results);
    out.println(
        "PASSED, seed %d: %d kills in %d s; every result was true"
            .formatted(seed, done, seconds(begin)));
    return done;
  }

  private static long seconds(long begin) {
    return TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - begin);
  }

  private List<Scene> shuffledScenes() {
    List<Scene> scenes = new ArrayList<>();
    for (Point point : Point.values()) {
      scenes.add(new Scene(What.BACKUP, point));
      if (point.isOfRestore()) {
        scenes.add(new Scene(What.RESTORE_RIGHT, point));
        scenes.add(new Scene(What.RESTORE_WRONG, point));
      }
    }
    Collections.shuffle(scenes, random);
    return scenes;
  }

  /** One scene; false when its point was not reached. */
  private boolean one(Scene scene) {
    Victim victim = victim(scene.what != What.BACKUP);
    int choice = random.nextInt(100);
    long late = (long) (random.nextDouble() * LATE_MAX_NANOS);
    int any = random.nextInt(SmallGroup.REPLICAS);
    int leader = group.leader();
    Trap trap =
        new Trap(
            scene.point,
            serving -> {
              if (Point.SENT.contains(scene.point)) {
                LockSupport.parkNanos(late); // When a fault comes, not how a test waits.
              }
              group.kill(choice < 55 ? serving : choice < 85 ? leader : any);
            });
    String result =
        switch (scene.what) {
          case BACKUP -> victim.backup(trap, random);
          case RESTORE_RIGHT -> victim.restore(trap, true, random);
          case RESTORE_WRONG -> victim.restore(trap, false, random);
        };
    if (!trap.hasSprung()) {
      return false;
    }
    results.merge(scene.what + " " + result, 1, Integer::sum);
    points.merge(scene.point, 1, Integer::sum);
    victim.look();
    return true;
  }

  private Victim victim(boolean stored) {
    if (victims.size() < USERS) {
      victims.add(newVictim());
    }
    int at = random.nextInt(victims.size());
    if (victims.get(at).isBlurred()) {
      victims.set(at, newVictim());
    }
    Victim victim = victims.get(at);
    if (stored && !victim.isStored()) {
      // Nothing springs here.
      String unused = victim.backup(new Trap(null, replica -> {}), random);
    }
    return victim;
  }

  private Victim newVictim() {
    return new Victim(group, "%032x".formatted(0xc0ffee00L + users++));
  }
}
