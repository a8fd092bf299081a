// SPDX-License-Identifier: Apache-2.0
package dev.svr2.enclave;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.proto.Error;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Every error has words of its own and says what to do; a new one without fails here. */
final class ErrorTextTest {
  @ParameterizedTest
  @EnumSource(Error.class)
  void hasWordsAndNextStep(Error error) {
    assertTrue(ErrorText.knows(error), error + " has no words in ErrorText");
    String text = ErrorText.of(error);
    String hint = ErrorText.hint(error);
    assertFalse(text.isBlank());
    assertFalse(hint.isBlank());
    assertFalse(text.endsWith("."), text);
    assertFalse(hint.endsWith("."), hint);
    assertTrue(Character.isUpperCase(hint.charAt(0)), hint);
  }

  @Test
  void noTwoErrorsReadTheSame() {
    Set<String> texts = new HashSet<>();
    for (Error error : Error.values()) {
      assertTrue(texts.add(ErrorText.of(error)), "said twice: " + ErrorText.of(error));
    }
  }

  @Test
  void exceptionSaysWhatWhereAndWhatToDo() {
    EnclaveException e =
        new EnclaveException(Error.ERROR_BRIDGE_IMAGE_UNREADABLE, "/no/such/image");
    assertEquals(Error.ERROR_BRIDGE_IMAGE_UNREADABLE, e.error());
    assertEquals(
        "ERROR_BRIDGE_IMAGE_UNREADABLE: the image cannot be read: /no/such/image. "
            + "Check path and permissions; `make enclave` builds the image",
        e.getMessage());
  }
}
