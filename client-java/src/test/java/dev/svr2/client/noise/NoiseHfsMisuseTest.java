// SPDX-License-Identifier: Apache-2.0
//
// What NoiseMisuseTest asks of NK, asked of the hybrid handshake.
package dev.svr2.client.noise;

import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.svr2.client.Handshake;
import dev.svr2.client.testing.NoiseResponder;
import java.security.SecureRandom;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class NoiseHfsMisuseTest extends NoiseMisuseTest {
  @Override
  Handshake handshake() {
    return Handshake.NKHFS;
  }

  @Test
  void noTwoHandshakesHaveTheSameKeys() throws Exception {
    byte[] server =
        NoiseResponder.publicKey(
            new byte[] {
              1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
              25, 26, 27, 28, 29, 30, 31, 32
            });
    byte[] first = NoiseInitiator.nkHfs(server, new SecureRandom()).writeFirst();
    byte[] second = NoiseInitiator.nkHfs(server, new SecureRandom()).writeFirst();
    assertFalse(Arrays.equals(first, second));
  }
}
