// SPDX-License-Identifier: Apache-2.0
//
// `svr2 client backup`: stores a secret, then exposes it. Source: cli.md.
package dev.svr2.host.cli.client;

import dev.svr2.client.BackupResult;
import dev.svr2.client.Svr2Client;
import dev.svr2.client.pin.Pin;
import dev.svr2.client.pin.PinKeys;
import java.util.Arrays;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Stores what --data or --master-key names. */
@Command(
    name = "backup",
    description = "Stores a secret under a PIN.",
    mixinStandardHelpOptions = true)
final class BackupCommand extends ClientOperation {
  /** Exactly one of the two. */
  static final class Secret {
    @Option(
        names = "--data",
        required = true,
        paramLabel = "HEX|@FILE|-",
        description = "16 to 48 bytes, stored as they are: hexadecimal digits, or raw bytes.")
    String data;

    @Option(
        names = "--master-key",
        required = true,
        paramLabel = "HEX|@FILE|-",
        description = "32 bytes, wrapped with the PIN before they are stored.")
    String masterKey;
  }

  @ArgGroup(multiplicity = "1")
  private Secret secret;

  @Mixin private PinOption pinOption;

  @Option(
      names = "--tries",
      paramLabel = "N",
      defaultValue = "10",
      description = "Wrong PINs that erase the secret, 1 to 255 (default: ${DEFAULT-VALUE}).")
  private int tries;

  private byte[] bytes;
  private Pin pin;

  @Override
  void prepare(ClientIo io, Report report) throws CliException {
    if (tries < 1 || tries > Svr2Client.TRIES_MAX) {
      throw new CliException("--tries must be 1 to 255");
    }
    boolean wrapped = secret.masterKey != null;
    String argument = wrapped ? secret.masterKey : secret.data;
    if (wrapped) {
      int size = PinKeys.MASTER_KEY_BYTES;
      bytes = SecretArgument.read("--master-key", argument, size, size, io);
    } else {
      bytes =
          SecretArgument.read(
              "--data", argument, Svr2Client.DATA_MIN_BYTES, Svr2Client.DATA_MAX_BYTES, io);
      if (SecretArgument.looksGuessable(bytes)) {
        report.warn(
            "the data looks guessable, and whoever guesses it can have the guess confirmed without"
                + " a PIN; --master-key wraps it");
      }
    }
    pin = pinOption.read(io, true, SecretArgument.readsInput(argument));
  }

  @Override
  int run(Svr2Client client, Report report) {
    BackupResult result =
        secret.masterKey != null
            ? client.backup(pin, bytes, tries)
            : client.backupRaw(pin, bytes, tries);
    return result.match(new Ending(report));
  }

  @Override
  void wipe() {
    if (bytes != null) {
      Arrays.fill(bytes, (byte) 0);
    }
    if (pin != null) {
      pin.close();
    }
  }

  private record Ending(Report report) implements BackupResult.Cases<Integer> {
    @Override
    public Integer stored(BackupResult.Stored result) {
      return report.end(ExitCode.DONE, "stored", "stored and exposed");
    }

    @Override
    public Integer notExposed(BackupResult.NotExposed result) {
      return end(report, result.cause(), "stored, but not exposed, so not restorable; expose ");
    }

    @Override
    public Integer exposeUnknown(BackupResult.ExposeUnknown result) {
      return report.end(
          ExitCode.UNKNOWN,
          "expose-unknown",
          "stored, but unknown whether exposed; `client tries` tells: " + result.cause().text());
    }

    @Override
    public Integer exposeRefused(BackupResult.ExposeRefused result) {
      return report.end(
          ExitCode.EXPOSE_REFUSED,
          "expose-refused",
          "another secret stands there, or none: tampered with or replaced");
    }

    @Override
    public Integer failed(BackupResult.Failed result) {
      return end(report, result.failure());
    }
  }
}
