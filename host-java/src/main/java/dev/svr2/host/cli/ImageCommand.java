// SPDX-License-Identifier: Apache-2.0
//
// `svr2 image`: what a signed enclave image says about itself, and whether its signature holds.
package dev.svr2.host.cli;

import dev.svr2.enclave.EnclaveException;
import dev.svr2.enclave.Platform;
import dev.svr2.enclave.SignedImage;
import dev.svr2.host.cli.client.ExitCode;
import dev.svr2.host.enclave.ImagePages;
import dev.svr2.proto.Error;
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
      description = {
        "Checks the signature of an image, and prints platform, measurement, signer and properties.",
        "Of an image of Open Enclave only what was signed is read: 'image verify' measures its pages."
      },
      mixinStandardHelpOptions = true)
  int info(
      @Parameters(paramLabel = "FILE", description = "A signed image.") Path file,
      @Option(names = "--json", description = Json.OPTION) boolean json)
      throws EnclaveException {
    SignedImage image = SignedImage.inspect(file);
    Map<String, Object> fields = describe(image, image.platform() == Platform.LOCAL);
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
        "Checks structure, signature, properties and measurement of an image; ends with 1 when they",
        "do not hold. An image of Open Enclave is loaded in simulation, where its heap must fit.",
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
      @Option(
              names = "--signature-only",
              description =
                  "Do not load an image of Open Enclave: its pages may differ from what was signed.")
          boolean signatureOnly,
      @Option(names = "--json", description = Json.OPTION) boolean json)
      throws EnclaveException, CommandException {
    SignedImage image = SignedImage.inspect(file);
    boolean measured = !signatureOnly || image.platform() == Platform.LOCAL;
    if (measured) {
      measure(file, image.platform());
    }
    String measurement = HexFormat.of().formatHex(image.measurement());
    if (expected != null && !expected.equalsIgnoreCase(measurement)) {
      throw new CommandException(
          ExitCode.REFUSED,
          file + ": the measurement is " + measurement + ", not the expected one");
    }
    if (json) {
      print(Json.object(describe(image, measured)));
    } else {
      print(
          measured
              ? "verified " + measurement
              : "signature verified, pages not checked " + measurement);
    }
    return ExitCode.DONE;
  }

  /**
   * Compares what the image's pages amount to with what was signed. An image of platform {@code
   * local} was hashed whole when its signature was checked; of Open Enclave's only the SDK's loader
   * knows, and nothing of the image runs.
   */
  private static void measure(Path file, Platform platform)
      throws EnclaveException, CommandException {
    if (platform == Platform.LOCAL) {
      return;
    }
    try {
      ImagePages.check(file);
    } catch (EnclaveException e) {
      if (e.error() == Error.ERROR_BRIDGE_UNKNOWN_PLATFORM) {
        throw new CommandException(
            ExitCode.FAILED,
            file
                + ": its signature holds, but this svr2 was built without an Open Enclave SDK and"
                + " cannot measure its pages; verify it where one is, or add --signature-only");
      }
      throw e;
    }
  }

  /**
   * @param measured whether the image's contents were compared with the measurement
   */
  private static Map<String, Object> describe(SignedImage image, boolean measured) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("platform", image.platform().configName());
    fields.put("protected", image.platform().isProtected());
    fields.put("measurement", HexFormat.of().formatHex(image.measurement()));
    fields.put("signer", HexFormat.of().formatHex(image.signerFingerprint()));
    fields.put("signature", "verified");
    fields.put("pages", measured ? "verified" : "not checked");
    return fields;
  }

  private void print(String line) {
    PrintWriter out = spec.commandLine().getOut();
    out.println(line);
    out.flush();
  }
}
