"""Uploads a file with tuspy and its defaults, and prints the address of the upload: ENDPOINT FILE NAME TOKEN."""
import sys

from tusclient import client

endpoint, path, name, token = sys.argv[1:]
tus = client.TusClient(endpoint, headers={"Authorization": f"Bearer {token}"})
uploader = tus.uploader(path, metadata={"filename": name, "on_issues": "skip_rows"})
uploader.upload()
print(uploader.url)
