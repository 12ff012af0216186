/** Programs that tests run as processes of their own. */
package io.spillway.peers;
