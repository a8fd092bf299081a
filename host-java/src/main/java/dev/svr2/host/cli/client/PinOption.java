// SPDX-License-Identifier: Apache-2.0
//
// The PIN: an option, or asked for without echo, or a line of standard input. Source: cli.md.
package dev.svr2.host.cli.client;

import dev.svr2.client.pin.Pin;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import picocli.CommandLine.Option;

/** Filled by picocli; read by the commands. */
final class PinOption {
  @Option(
      names = "--pin",
      paramLabel = "PIN",
      description =
          "The PIN. Without it, it is asked for without echo, or read as one line of standard"
              + " input.")
  String pin;

  /**
   * The normalized PIN; the caller closes it.
   *
   * @param twice ask a person twice: a mistyped PIN would lock a backup away
   * @param inputTaken standard input is used for something else
   */
  Pin read(ClientIo io, boolean twice, boolean inputTaken) throws CliException {
    char[] text;
    if (pin != null) {
      text = pin.toCharArray();
    } else if (io.hasConsole() && !inputTaken) {
      text = ask(io, twice);
    } else if (inputTaken) {
      throw new CliException("standard input holds the data: give --pin");
    } else {
      text = line(io);
    }
    try {
      return Pin.of(text);
    } catch (IllegalArgumentException e) {
      throw new CliException(e.getMessage());
    } finally {
      Arrays.fill(text, '\0');
    }
  }

  private static char[] ask(ClientIo io, boolean twice) throws CliException {
    char[] text = io.askWithoutEcho("PIN: ");
    if (text == null) {
      throw new CliException("no PIN was given");
    }
    if (twice) {
      char[] again = io.askWithoutEcho("PIN again: ");
      boolean same = again != null && Arrays.equals(text, again);
      if (again != null) {
        Arrays.fill(again, '\0');
      }
      if (!same) {
        Arrays.fill(text, '\0');
        throw new CliException("the two PINs differ");
      }
    }
    return text;
  }

  private static char[] line(ClientIo io) throws CliException {
    byte[] line = null;
    try {
      line = io.readLine();
      CharBuffer chars = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(line));
      char[] text = new char[chars.remaining()];
      chars.get(text);
      chars.clear();
      while (chars.hasRemaining()) {
        chars.put('\0');
      }
      return text;
    } catch (CharacterCodingException e) {
      throw new CliException("the PIN on standard input is not UTF-8");
    } catch (IOException e) {
      throw new CliException("cannot read the PIN from standard input");
    } finally {
      if (line != null) {
        Arrays.fill(line, (byte) 0);
      }
    }
  }
}
