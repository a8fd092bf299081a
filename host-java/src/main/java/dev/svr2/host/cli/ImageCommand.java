// SPDX-License-Identifier: Apache-2.0
//
// `svr2 image`: what a signed enclave image says about itself, and whether its signature holds.
package dev.svr2.host.cli;

import dev.svr2.enclave.EnclaveException;
import dev.svr2.enclave.SignedImage;
import dev.svr2.host.cli.client.ExitCode;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "image",
    description = "Inspects signed enclave images.",
    mixinStandardHelpOptions = true)
final class ImageCommand implements Runnable {
  @Spec private CommandSpec spec;

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "info or verify is missing");
  }

  @Command(
      name = "info",
      description = "Prints platform, measurement, signer and properties of an image.",
      mixinStandardHelpOptions = true)
  int info(
      @Parameters(paramLabel = "FILE", description = "A signed image.") Path file,
      @Option(names = "--json", description = Json.OPTION) boolean json)
      throws EnclaveException {
    SignedImage image = SignedImage.inspect(file);
    Map<String, Object> fields = describe(image);
    if (json) {
      fields.put("properties", new TreeMap<>(image.properties()));
      print(Json.object(fields));
    } else {
      fields.putAll(new TreeMap<>(image.properties()));
      fields.forEach((name, value) -> print("%-20s %s".formatted(name, value)));
    }
    return ExitCode.DONE;
  }

  @Command(
      name = "verify",
      description = {
        "Checks structure, signature and properties of an image; ends with 1 when they do not hold.",
        "Any key is accepted whose signature verifies: compare the measurement with the one you expect."
      },
      mixinStandardHelpOptions = true)
  int verify(
      @Parameters(paramLabel = "FILE", description = "A signed image.") Path file,
      @Option(
              names = "--measurement",
              paramLabel = "HEX64",
              description = "Also compare the measurement; another one ends with 7.")
          String expected,
      @Option(names = "--json", description = Json.OPTION) boolean json)
      throws EnclaveException, CommandException {
    SignedImage image = SignedImage.inspect(file);
    String measurement = HexFormat.of().formatHex(image.measurement());
    if (expected != null && !expected.equalsIgnoreCase(measurement)) {
      throw new CommandException(
          ExitCode.REFUSED,
          file + ": the measurement is " + measurement + ", not the expected one");
    }
    print(json ? Json.object(describe(image)) : "verified " + measurement);
    return ExitCode.DONE;
  }

  private static Map<String, Object> describe(SignedImage image) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("platform", image.platform().configName());
    fields.put("protected", image.platform().isProtected());
    fields.put("measurement", HexFormat.of().formatHex(image.measurement()));
    fields.put("signer", HexFormat.of().formatHex(image.signerFingerprint()));
    fields.put("signature", "verified");
    return fields;
  }

  private void print(String line) {
    PrintWriter out = spec.commandLine().getOut();
    out.println(line);
    out.flush();
  }
}
