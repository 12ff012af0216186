/** Programs that tests run as processes of their own, beside the broker. */
@NullMarked
package io.spillway.peers;

import org.jspecify.annotations.NullMarked;
