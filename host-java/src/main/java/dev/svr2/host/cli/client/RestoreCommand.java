// SPDX-License-Identifier: Apache-2.0
//
// `svr2 client restore`: prints the secret alone, in hex. Source: cli.md.
package dev.svr2.host.cli.client;

import dev.svr2.client.RestoreResult;
import dev.svr2.client.Svr2Client;
import dev.svr2.client.pin.Pin;
import java.util.Arrays;
import java.util.HexFormat;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Restores with one guess. */
@Command(
    name = "restore",
    description = "Prints the secret in hexadecimal digits; a wrong PIN costs a try.",
    mixinStandardHelpOptions = true)
final class RestoreCommand extends ClientOperation {
  @Option(names = "--master-key", description = "Unwrap what backup --master-key stored.")
  private boolean masterKey;

  @Mixin private PinOption pinOption;

  private Pin pin;

  @Override
  void prepare(ClientIo io, Report report) throws CliException {
    pin = pinOption.read(io, false, false);
  }

  @Override
  int run(Svr2Client client, Report report) {
    RestoreResult result = masterKey ? client.restore(pin) : client.restoreRaw(pin);
    return result.match(new Ending(report));
  }

  @Override
  void wipe() {
    if (pin != null) {
      pin.close();
    }
  }

  private record Ending(Report report) implements RestoreResult.Cases<Integer> {
    @Override
    public Integer restored(RestoreResult.Restored result) {
      byte[] data = result.data();
      String hex = HexFormat.of().formatHex(data);
      Arrays.fill(data, (byte) 0);
      result.close();
      return report
          .answer(hex)
          .field("data", hex)
          .field("tries", result.tries())
          .end(ExitCode.DONE, "restored", "restored; " + tries(result.tries()));
    }

    @Override
    public Integer wrongPin(RestoreResult.WrongPin result) {
      return report
          .field("tries", result.triesLeft())
          .end(ExitCode.WRONG_PIN, "wrong-pin", "wrong PIN; " + tries(result.triesLeft()));
    }

    @Override
    public Integer nothingThere(RestoreResult.NothingThere result) {
      String why =
          switch (result.why()) {
            case NOT_EXPOSED -> "stored, but never exposed";
            case GONE_OR_NEVER_STORED -> "never stored, or erased";
            case UNKNOWN -> "never stored, not exposed, or erased";
          };
      return report
          .field("why", result.why().name())
          .end(ExitCode.NOTHING_THERE, "nothing-there", "nothing there: " + why);
    }

    @Override
    public Integer notUnwrappable(RestoreResult.NotUnwrappable result) {
      return report.end(
          ExitCode.FAILED,
          "not-unwrappable",
          "the PIN is right, but what is stored is not a master key wrapped with it; restore it"
              + " without --master-key");
    }

    @Override
    public Integer serverError(RestoreResult.ServerError result) {
      return report.end(
          ExitCode.FAILED,
          "server-error",
          "the replica found its memory altered and stopped; the try may be spent");
    }

    @Override
    public Integer failed(RestoreResult.Failed result) {
      return end(report, result.failure());
    }

    private static String tries(int left) {
      return left == 1 ? "1 try left" : left + " tries left";
    }
  }
}
