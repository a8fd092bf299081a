// SPDX-License-Identifier: Apache-2.0
//
// The group for a person: a table that is drawn anew on a terminal, single lines of progress
// elsewhere.
package dev.svr2.host.cluster;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Used by one thread. */
public final class Screen {
  private static final String ROW = "%2s  %-8s  %-13s  %5s  %9s  %9s  %9s  %7s  %7s  %s";
  private static final String UP_AND_CLEAR = "\u001b[%dA\u001b[J";
  private static final int LINE_MAX_CHARS = 118;

  private final PrintWriter out;
  private final boolean terminal;
  private final Map<Integer, String> lastStates = new HashMap<>();
  private String lastNote = "";
  private List<String> drawn = List.of();

  /**
   * @param out never standard output, whose lines mean something
   * @param terminal whether lines can be drawn over
   */
  public Screen(PrintWriter out, boolean terminal) {
    this.out = out;
    this.terminal = terminal;
  }

  /**
   * Shows the replicas as they are now.
   *
   * @param note one more line; empty for none
   */
  public void show(List<ReplicaView> replicas, String note) {
    if (terminal) {
      draw(table(replicas, note));
    } else {
      sayWhatChanged(replicas, note);
    }
  }

  /** Takes the table away, so that something else can be printed; the next one stands below it. */
  public void clear() {
    draw(List.of());
  }

  private void draw(List<String> lines) {
    if (lines.equals(drawn)) {
      return;
    }
    if (!drawn.isEmpty()) {
      out.print(UP_AND_CLEAR.formatted(drawn.size()));
    }
    lines.forEach(out::println);
    out.flush();
    drawn = lines;
  }

  /** One line for each replica under a heading. */
  static List<String> table(List<ReplicaView> replicas, String note) {
    List<String> lines = new ArrayList<>();
    lines.add("");
    lines.add(
        ROW.formatted(
            "#", "id", "role", "term", "promise", "commit", "rows", "clients", "pid", "state"));
    for (ReplicaView replica : replicas) {
      lines.add(row(replica));
    }
    if (!note.isEmpty()) {
      lines.add(note);
    }
    // A line that the terminal wraps would make the count of lines to draw over wrong.
    return lines.stream().map(Screen::cut).toList();
  }

  private static String row(ReplicaView replica) {
    boolean known = replica.status() != null;
    return ROW.formatted(
        replica.number(),
        replica.shortId(),
        known ? replica.role() : "-",
        number(known, replica.enclave().getTerm()),
        number(known, replica.enclave().getPromiseIndex()),
        number(known, replica.enclave().getCommitIndex()),
        number(known, replica.rows()),
        number(known, replica.enclave().getClientSessions()),
        number(replica.alive(), replica.pid()),
        replica.state());
  }

  private static String number(boolean known, long value) {
    return known ? Long.toString(value) : "-";
  }

  private static String cut(String line) {
    return line.length() <= LINE_MAX_CHARS ? line : line.substring(0, LINE_MAX_CHARS - 1) + "…";
  }

  private void sayWhatChanged(List<ReplicaView> replicas, String note) {
    for (ReplicaView replica : replicas) {
      String role = replica.leads() ? "leader, " : "";
      String state =
          "%s (pid %d): %s%s".formatted(replica.shortId(), replica.pid(), role, replica.state());
      if (!state.equals(lastStates.put(replica.number(), state))) {
        out.println("replica %d, %s".formatted(replica.number(), state));
      }
    }
    if (!note.isEmpty() && !note.equals(lastNote)) {
      out.println(note);
    }
    lastNote = note;
    out.flush();
  }
}
