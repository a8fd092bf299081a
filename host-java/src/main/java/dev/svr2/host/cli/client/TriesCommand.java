// SPDX-License-Identifier: Apache-2.0
//
// `svr2 client tries`: prints the guesses left. Source: cli.md.
package dev.svr2.host.cli.client;

import dev.svr2.client.Svr2Client;
import dev.svr2.client.TriesResult;
import picocli.CommandLine.Command;

/** Asks without spending a guess. */
@Command(
    name = "tries",
    description = "Prints the tries left, without spending one.",
    mixinStandardHelpOptions = true)
final class TriesCommand extends ClientOperation {
  @Override
  void prepare(ClientIo io, Report report) {}

  @Override
  int run(Svr2Client client, Report report) {
    return client.tries().match(new Ending(report));
  }

  private record Ending(Report report) implements TriesResult.Cases<Integer> {
    @Override
    public Integer left(TriesResult.Left result) {
      return report
          .answer(Integer.toString(result.tries()))
          .field("tries", result.tries())
          .field("exposed", result.exposed())
          .end(
              ExitCode.DONE,
              "left",
              result.exposed() ? "stored and exposed" : "stored, but not exposed: not restorable");
    }

    @Override
    public Integer nothingThere(TriesResult.NothingThere result) {
      return report.end(
          ExitCode.NOTHING_THERE, "nothing-there", "nothing there: never stored, or erased");
    }

    @Override
    public Integer failed(TriesResult.Failed result) {
      return end(report, result.failure());
    }
  }
}
