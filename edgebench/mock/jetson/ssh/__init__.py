"""The SSH server of a simulated board: one user, one key, commands and SFTP; everything else is refused."""
