/** Programs that tests run as processes of their own, beside the broker. */
package io.spillway.peers;
