// SPDX-License-Identifier: Apache-2.0
//
// `svr2 client delete`: erases the secret, in a session with verified evidence. Source: cli.md.
package dev.svr2.host.cli.client;

import dev.svr2.client.DeleteResult;
import dev.svr2.client.Svr2Client;
import picocli.CommandLine.Command;

/** Erases, whether or not something is stored. */
@Command(name = "delete", description = "Erases the secret.", mixinStandardHelpOptions = true)
final class DeleteCommand extends ClientOperation {
  @Override
  void prepare(ClientIo io, Report report) {}

  @Override
  int run(Svr2Client client, Report report) {
    return client.delete().match(new Ending(report));
  }

  private record Ending(Report report) implements DeleteResult.Cases<Integer> {
    @Override
    public Integer deleted(DeleteResult.Deleted result) {
      return report.end(ExitCode.DONE, "deleted", "erased");
    }

    @Override
    public Integer failed(DeleteResult.Failed result) {
      return end(report, result.failure());
    }
  }
}
